from __future__ import annotations

import asyncio
import socket
from typing import Any

import pytest
from forkpoint_server.settings import SettingsError
from forkpoint_worker.egress import EgressFailed, EgressRefused, is_outside, post
from forkpoint_worker.providers import read_providers
from modelstub import model_stub

INSIDE = [
    "127.0.0.1",
    "10.1.2.3",
    "172.16.0.1",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "0.0.0.0",
    "224.0.0.1",
    "255.255.255.255",
    "::1",
    "fe80::1",
    "fd00:ec2::254",
    "::ffff:10.0.0.1",
    "::ffff:93.184.216.34",
    "64:ff9b::a00:1",
    "2002:a00:1::",
    "ff02::1",
]


@pytest.mark.parametrize("address", INSIDE)
def test_an_address_inside_is_never_reached(address: str):
    assert not is_outside(address)


@pytest.mark.parametrize("address", ["93.184.216.34", "2606:2800:220:1:248:1893:25c8:1946"])
def test_an_address_outside_may_be_reached(address: str):
    assert is_outside(address)


@pytest.mark.parametrize(
    "url",
    [
        "https://127.0.0.1/v1",
        "https://2130706433/v1",
        "https://0x7f.1/v1",
        "https://localhost/v1",
        "https://[::ffff:10.0.0.1]/v1",
        "https://169.254.169.254/v1",
        "http://93.184.216.34/v1",
        "ftp://93.184.216.34/v1",
    ],
)
async def test_nothing_is_sent_to_an_address_inside_however_it_is_written(url: str):
    with pytest.raises(EgressRefused):
        await post(url, b"{}", {})


class Names:
    """A resolver that gives other addresses each time, and a network that is down."""

    def __init__(self, *answers: list[str]) -> None:
        self.asked = 0
        self.connected: list[Any] = []
        self._answers = answers

    def getaddrinfo(self, host: str, port: int, *_: Any, **__: Any) -> list[Any]:
        found = self._answers[min(self.asked, len(self._answers) - 1)]
        self.asked += 1
        kind = socket.AF_INET, socket.SOCK_STREAM, 6, ""
        return [(*kind, (address, port)) for address in found]

    async def sock_connect(self, _sock: socket.socket, address: Any) -> None:
        self.connected.append(address)
        raise ConnectionRefusedError

    def install(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(socket, "getaddrinfo", self.getaddrinfo)
        monkeypatch.setattr(asyncio.get_running_loop(), "sock_connect", self.sock_connect)


async def test_s07_a_name_that_turns_inward_is_asked_once_and_never_reached_there(
    monkeypatch: pytest.MonkeyPatch,
):
    names = Names(["93.184.216.34"], ["10.0.0.1"])
    names.install(monkeypatch)

    with pytest.raises(EgressFailed):
        await post("https://api.example.com/v1", b"{}", {})

    assert (names.asked, names.connected) == (1, [("93.184.216.34", 443)])


async def test_s07_a_name_with_one_address_inside_is_refused(monkeypatch: pytest.MonkeyPatch):
    names = Names(["93.184.216.34", "169.254.169.254"])
    names.install(monkeypatch)

    with pytest.raises(EgressRefused):
        await post("https://api.example.com/v1", b"{}", {})

    assert names.connected == []


async def test_s07_no_redirect_is_followed_and_no_proxy_asked(monkeypatch: pytest.MonkeyPatch):
    async with model_stub([(302, {})]) as stub, model_stub([]) as proxy:
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        answer = await post(f"http://127.0.0.1:{stub.port}/v1", b"{}", {}, private=True)

    assert (answer.status, len(stub.asked), proxy.asked) == (302, 1, [])


def test_a_price_is_of_a_million_tokens():
    entry = '{"a": {"kind": "openai", "url": "https://x/v1", "usd_per_million": PRICE}}'
    price = entry.replace("PRICE", '{"input": 2.5, "output": 10}')

    provider = read_providers({"FORKPOINT_MODEL_PROVIDERS": price})[0]

    assert provider.price is not None
    assert provider.price.of(1_000_000, 2_000) == 2_520_000
    assert provider.price.of(None, 5) is None


def test_there_is_no_provider_unless_the_operator_says_so():
    assert read_providers({}) == ()


@pytest.mark.parametrize(
    "entry",
    [
        '{"a": {"kind": "openai", "url": "http://api.example.com/v1"}}',
        '{"a": {"kind": "openai", "url": "https://x/v1", "key_env": "ABSENT"}}',
        '{"a": {"kind": "other", "url": "https://x/v1"}}',
        '{"a": {"kind": "openai", "url": "https://x/v1", "key": "inline"}}',
        "no JSON",
    ],
)
def test_a_wrong_provider_is_refused_at_the_start(entry: str):
    with pytest.raises(SettingsError):
        read_providers({"FORKPOINT_MODEL_PROVIDERS": entry})
