from __future__ import annotations

import pytest
from forkpoint_server.settings import SettingsError
from forkpoint_worker.egress import EgressRefused, is_outside, post
from forkpoint_worker.providers import read_providers

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
