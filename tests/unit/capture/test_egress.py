"""Live calls reach the hosts of the policy, at public addresses, and nothing else."""

from __future__ import annotations

import os
import socket
from collections.abc import Sequence
from typing import Any

import pytest
from forkpoint.capture import guards
from forkpoint.capture.egress import is_public, may_connect, may_look_up
from forkpoint.capture.guards import Exempt, Guard, guarding
from forkpoint.replay.interception import Breach


class Watched:
    def __init__(self, *hosts: str) -> None:
        self.hosts = hosts
        self.breaches: list[str] = []

    def live_hosts(self) -> Sequence[str]:
        return self.hosts

    def breach(self, code: str, key: str | None = None) -> None:
        self.breaches.append(code)

    def gap(self, what: str) -> None:
        """Not looked at."""


@pytest.mark.parametrize(
    "address",
    [
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
        "::ffff:10.0.0.1",
        "::ffff:169.254.169.254",
        "64:ff9b::a00:1",
        "2002:a00:1::",
        "fe80::1%eth0",
        "fd00::1",
        "ff02::1",
        "/run/docker.sock",
        "2130706433",
    ],
)
def test_an_address_of_the_inside_is_not_public(address: str):
    assert not is_public(address)
    assert not may_connect(address, 443, {"api.example.com"}, ["*", "api.example.com"])


@pytest.mark.parametrize("address", ["93.184.216.34", "2606:4700::1111", "::ffff:8.8.8.8"])
def test_a_public_address_is_reached_by_a_name_that_was_allowed(address: str):
    assert may_connect(address, 443, {"api.example.com"}, ["https://api.example.com:443/v1"])
    assert not may_connect(address, 80, {"api.example.com"}, ["https://api.example.com:443"])
    assert not may_connect(address, 443, {"other.example.com"}, ["api.example.com"])
    assert not may_connect(address, 443, set(), ["api.example.com"])


@pytest.mark.parametrize(
    ("address", "names", "pattern"),
    [
        ("127.0.0.1", [], "127.0.0.1:8080"),
        ("127.0.0.1", ["localhost"], "http://localhost:8080"),
        ("10.2.0.7", [], "10.2.*"),
        ("::1", [], "[::1]:8080"),
    ],
)
def test_an_address_of_the_inside_is_reached_where_the_policy_names_it(
    address: str, names: list[str], pattern: str
):
    assert may_connect(address, 8080, names, [pattern])
    assert not may_connect(address, 9090, names, [pattern]) or ":8080" not in pattern


@pytest.mark.parametrize(
    "name", ["2130706433", "0x7f.1", "evil.example.org", "example.com.evil.org"]
)
def test_other_spellings_of_an_address_are_names_nobody_allowed(name: str):
    assert not may_look_up(name, ["api.example.com", "127.0.0.1", "*.example.com"])


def resolving(monkeypatch: pytest.MonkeyPatch, *answers: str) -> None:
    """A resolver that changes its answer."""
    told = iter(answers)

    def lookup(host: Any, port: Any, *_args: Any, **_kwargs: Any) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (next(told), port))]

    monkeypatch.setattr(socket, "getaddrinfo", guards._learning(lookup))


def test_a_name_that_later_points_inside_is_not_followed(monkeypatch: pytest.MonkeyPatch):
    resolving(monkeypatch, "93.184.216.34", "127.0.0.1")
    replay = Watched("api.example.com")

    with guarding(replay, Exempt()):
        first = socket.getaddrinfo("api.example.com", 443)
        second = socket.getaddrinfo("api.example.com", 443)
        with socket.socket() as client, pytest.raises(Breach):
            client.connect(("127.0.0.1", 443))

    assert ([row[4][0] for row in first], second) == (["93.184.216.34"], [])
    assert replay.breaches == ["guard_network"]


def test_a_name_that_points_inside_at_once_is_refused(monkeypatch: pytest.MonkeyPatch):
    resolving(monkeypatch, "169.254.169.254")

    with guarding(Watched("*"), Exempt()), socket.socket() as client:
        found = socket.getaddrinfo("metadata.example.com", 80)
        with pytest.raises(Breach):
            client.connect(found[0][4])


def test_proxies_of_the_environment_are_not_used_while_a_guard_is_up(
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setenv("NO_PROXY", "before")
    monkeypatch.delenv("no_proxy", raising=False)
    guard = Guard(Watched("api.example.com"), Exempt())

    guards.raise_guard(guard)
    during = (os.environ["NO_PROXY"], os.environ["no_proxy"])
    guards.lower_guard(guard)

    assert during == ("*", "*")
    assert (os.environ["NO_PROXY"], os.environ.get("no_proxy")) == ("before", None)
