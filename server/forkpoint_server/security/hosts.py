"""Host and Origin headers: which names we answer to, and from whose pages.

The first guards against DNS rebinding (a foreign name that resolves to this machine), the second
against requests that a foreign page makes in a visitor's browser.
"""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from starlette.datastructures import Headers

from forkpoint_server.settings import LOOPBACK_HOSTS, Settings


def host_name(host: str) -> str:
    """The name in a Host header, lower case, without port and brackets; empty if malformed."""
    try:
        return (urlsplit(f"//{host}").hostname or "").rstrip(".")
    except ValueError:
        return ""


def is_own_host(headers: Headers, settings: Settings) -> bool:
    """Whether the Host header names this service."""
    names = [host_name(host) for host in headers.getlist("host")]
    return len(names) == 1 and (names[0] in LOOPBACK_HOSTS or names[0] in settings.allowed_hosts)


def is_own_origin(headers: Headers, settings: Settings) -> bool:
    """Whether the request has no Origin, or our own, or one that the settings allow."""
    origin = headers.get("origin")
    if origin is None or origin.lower() in settings.allowed_origins:
        return True
    return _authority(origin) == _authority(f"{_scheme(origin)}://{headers.get('host', '')}") != ""


def is_loopback_peer(client: tuple[str, int] | None) -> bool:
    """Whether the peer of the connection is this machine. No forwarding header is believed."""
    if client is None:
        return False
    try:
        return ipaddress.ip_address(client[0].partition("%")[0]).is_loopback
    except ValueError:
        # unix sockets and test clients have no address and cannot be reached from outside
        return client[0] in ("", "testclient")


def _scheme(origin: str) -> str:
    return origin.partition("://")[0].lower()


def _authority(origin: str) -> str:
    try:
        parts = urlsplit(origin)
        port = parts.port or {"http": 80, "https": 443}.get(parts.scheme.lower(), 0)
    except ValueError:
        return ""
    return f"{parts.hostname}:{port}" if parts.hostname and port else ""
