"""The only way out of a worker: one HTTPS request to an address that was checked before.

A name is resolved once; if any of its addresses is private, loopback, link-local, of a metadata
service, shared (CGNAT), multicast, or maps to such a one, nothing is sent. The connection goes to
the checked address, with the name kept for TLS. No proxy is asked and no redirect followed.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

import h11

ANSWER_BYTES = 16 * 2**20
ANSWER_S = 120.0
CONNECT_S = 10.0
_CHUNK = 65_536
_TRANSLATED = (ipaddress.ip_network("64:ff9b::/96"), ipaddress.ip_network("2002::/16"))
"""Addresses that stand for IPv4 ones (RFC 6052, RFC 3056)."""


class EgressRefused(Exception):
    """The address may not be reached from here; nothing was sent."""


class EgressFailed(Exception):
    """The request was or may have been sent, and there is no whole answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back; redirects come back as they are."""

    status: int
    body: bytes


async def post(
    url: str, body: bytes, headers: Mapping[str, str], *, private: bool = False
) -> Answer:
    """POST JSON. `private`: the operator said that this endpoint is inside.

    Raises `EgressRefused` before anything is sent, `EgressFailed` after.
    """
    parts = urlsplit(url)
    host, secure = parts.hostname or "", parts.scheme == "https"
    if not host or (parts.scheme != "http" and not secure) or (not secure and not private):
        raise EgressRefused("only https is spoken to the outside")
    port = parts.port or (443 if secure else 80)
    address = await checked_address(host, port, private=private)
    target = parts.path or "/"
    try:
        async with asyncio.timeout(ANSWER_S):
            return await _exchange(address, port, host, target, body, headers, secure=secure)
    except (OSError, TimeoutError, ssl.SSLError, h11.ProtocolError) as error:
        raise EgressFailed(type(error).__name__) from error


async def checked_address(host: str, port: int, *, private: bool) -> str:
    """The address to connect to, resolved once; raises `EgressRefused`."""
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError:
        raise EgressRefused(f"{host} cannot be resolved") from None
    addresses = [str(entry[4][0]).partition("%")[0] for entry in found]
    if not addresses:
        raise EgressRefused(f"{host} has no address")
    for address in addresses:
        if not private and not is_outside(address):
            raise EgressRefused(f"{host} is an address inside")
    return addresses[0]


def is_outside(address: str) -> bool:
    """Whether an address is a public one, whatever it is written as."""
    found = ipaddress.ip_address(address)
    if isinstance(found, ipaddress.IPv6Address):
        if found.ipv4_mapped is not None:
            return False
        if any(found in network for network in _TRANSLATED):
            return False
    return found.is_global and not found.is_multicast and not found.is_reserved


async def _exchange(
    address: str,
    port: int,
    host: str,
    target: str,
    body: bytes,
    headers: Mapping[str, str],
    *,
    secure: bool,
) -> Answer:
    context = ssl.create_default_context() if secure else None
    async with asyncio.timeout(CONNECT_S):
        reader, writer = await asyncio.open_connection(
            address, port, ssl=context, server_hostname=host if secure else None
        )
    try:
        connection = h11.Connection(our_role=h11.CLIENT)
        sent = {
            **headers,
            "host": host if port in (80, 443) else f"{host}:{port}",
            "content-type": "application/json",
            "content-length": str(len(body)),
            "connection": "close",
        }
        request = h11.Request(method="POST", target=target, headers=list(sent.items()))
        for event in (request, h11.Data(data=body), h11.EndOfMessage()):
            writer.write(connection.send(event) or b"")
        await writer.drain()
        return await _answer(connection, reader)
    finally:
        writer.close()


async def _answer(connection: h11.Connection, reader: asyncio.StreamReader) -> Answer:
    status, pieces, size = 0, list[bytes](), 0
    while True:
        event = connection.next_event()
        if event is h11.NEED_DATA:
            connection.receive_data(await reader.read(_CHUNK))
        elif isinstance(event, h11.Response):
            status = event.status_code
        elif isinstance(event, h11.Data):
            pieces.append(bytes(event.data))
            size += len(event.data)
            if size > ANSWER_BYTES:
                raise EgressFailed(f"the answer is over {ANSWER_BYTES} bytes")
        elif isinstance(event, h11.EndOfMessage):
            return Answer(status=status, body=b"".join(pieces))
        elif isinstance(event, h11.ConnectionClosed):
            raise EgressFailed("the connection was closed before the answer was whole")
