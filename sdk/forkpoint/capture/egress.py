"""Where a live call may go: hosts of the policy, at public addresses unless an address is named.

A policy lists globs of hosts, with or without scheme and port: `api.example.com`,
`https://*.example.com:443`, `127.0.0.1:8080`. A name is resolved once; an address that is not
public (loopback, private, link-local, metadata, CGNAT, multicast, or one of these inside IPv6) is
reached only where the policy names it, so that a name cannot be pointed at the inside.
"""

from __future__ import annotations

import fnmatch
import ipaddress
import re
from collections.abc import Collection, Sequence
from functools import lru_cache
from typing import NamedTuple

_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_LITERAL = re.compile(r"(?=.*\d)[0-9a-fA-F.:*?\[\]-]+")
"""A pattern that can only mean addresses."""


class HostPattern(NamedTuple):
    """One entry of `allow_live.hosts`."""

    host: str
    port: int | None
    literal: bool
    """Whether it names addresses, not names."""


@lru_cache(maxsize=512)
def read_pattern(text: str) -> HostPattern:
    """An entry taken apart; schemes and paths do not matter to a socket."""
    rest = text.partition("://")[2] or text
    rest = rest.partition("/")[0]
    if rest.startswith("[") and "]" in rest:
        host, _, tail = rest[1:].partition("]")
        port = tail.removeprefix(":")
    elif rest.count(":") == 1:
        host, _, port = rest.partition(":")
    else:
        host, port = rest, ""
    literal = _LITERAL.fullmatch(host) is not None
    return HostPattern(host.lower(), int(port) if port.isdigit() else None, literal)


def may_look_up(name: str, patterns: Sequence[str]) -> bool:
    """Whether a name may be asked for."""
    return any(_fits(name, read_pattern(text)) for text in patterns)


def may_connect(
    address: str, port: int | None, names: Collection[str], patterns: Sequence[str]
) -> bool:
    """Whether an address may be reached that these names were resolved to."""
    public = is_public(address)
    for text in patterns:
        pattern = read_pattern(text)
        if pattern.port is not None and port is not None and pattern.port != port:
            continue
        if pattern.literal and fnmatch.fnmatchcase(address.lower(), pattern.host):
            return True
        if pattern.host == "localhost" and "localhost" in names and _is_loopback(address):
            return True
        if public and any(_fits(name, pattern) for name in names):
            return True
    return False


def is_public(address: str) -> bool:
    """Whether an address belongs to the internet at large."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:  # a path of a unix socket, a name
        return False
    if isinstance(found, ipaddress.IPv6Address):
        inner = found.ipv4_mapped or found.sixtofour or (found.teredo or (None, None))[1]
        if found in _NAT64:
            inner = ipaddress.IPv4Address(int(found) & 0xFFFFFFFF)
        if inner is not None:
            return _is_global(inner)
    return _is_global(found)


def _is_global(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    return address.is_global and not address.is_multicast and not address.is_reserved


def _is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address.partition("%")[0]).is_loopback
    except ValueError:
        return False


def _fits(name: str, pattern: HostPattern) -> bool:
    return fnmatch.fnmatchcase(name.lower().rstrip("."), pattern.host)
