"""Request bodies, counted while they are read and while they are unpacked (security guide, S8).

A declared length is believed only to refuse early. `zstandard` ignores limits when a frame states
its size and accepts cut frames, so frames are unpacked one by one in small slices.
"""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

import zstandard
from starlette.requests import ClientDisconnect, Request

from forkpoint_server.errors import BadRequest, LimitExceeded
from forkpoint_server.security.room import Grow

WINDOW_LIMIT = 2**23
"""Largest zstd window in bytes that is unpacked (RFC 8878 recommends 8 MiB)."""
PART = 65_536
"""Bytes from which a part of a body is worth a thread."""
_ZSTD_SLICE = 256
_GZIP_STEP = 65_536


@dataclass(frozen=True, slots=True, kw_only=True)
class BodyLimits:
    """Bounds of one request body."""

    size: int
    """Bytes, packed and unpacked."""
    idle_s: float
    """Seconds it may pause."""
    whole_s: float
    """Seconds it may take in all."""
    name: str = "body"
    """Of the setting, for who is over it."""


class Unpacker(Protocol):
    """Takes packed bytes in pieces; gives parts of bounded size and counts them."""

    def feed(self, data: bytes) -> Iterator[bytes]:
        """What became readable. Raises `BadRequest`, and `LimitExceeded` (`unpacked_body`)."""
        ...

    def finish(self) -> None:
        """Raise `BadRequest` unless the end was reached."""
        ...


class Late(BadRequest):
    """The body came too slowly; the same request may be sent again."""

    status = 408


async def read_packed_body(request: Request, limits: BodyLimits, grow: Grow) -> bytes:
    """The unpacked body of a request that may be gzip or zstd; its bytes are counted by `grow`.

    Raises `LimitExceeded`, `BadRequest` for a cut or damaged one, and what `grow` raises.
    """
    body = bytearray()
    await read_parts(request, limits, grow, body.extend)
    return bytes(body)


async def read_parts(
    request: Request, limits: BodyLimits, grow: Grow, take: Callable[[bytes], object]
) -> None:
    """Hand the unpacked body to `take` in parts, in a thread unless it is short and plain.

    Parts are collected up to 64 KiB or the end, whatever a sender calls a piece: handing over costs
    something. Raises as `read_packed_body`, and what `take` raises.
    """
    unpacker = unpacker_of(request, limits.size)

    def work(data: bytes) -> None:
        for part in _joined(iter((data,)) if unpacker is None else unpacker.feed(data)):
            grow(len(part))
            take(part)

    pending = bytearray()
    async for piece in read_pieces(request, limits):
        pending += piece
        if len(pending) >= PART:
            data = bytes(pending)
            pending.clear()
            await asyncio.to_thread(work, data)
    if unpacker is None:
        work(bytes(pending))
    else:
        await asyncio.to_thread(work, bytes(pending))
        unpacker.finish()


def unpacker_of(request: Request, limit: int) -> Unpacker | None:
    """By `Content-Encoding`: gzip, zstd, or None for a plain body; raises `BadRequest`."""
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding == "identity":
        return None
    if encoding not in ("gzip", "zstd"):
        raise BadRequest("content-encoding must be gzip or zstd, once", field="content-encoding")
    return UNPACKERS[encoding](limit)


def _joined(parts: Iterator[bytes]) -> Iterator[bytes]:
    """The same bytes in parts of 64 KiB and more; unpackers give many small ones."""
    held = bytearray()
    for part in parts:
        held += part
        if len(held) >= PART:
            yield bytes(held)
            held.clear()
    if held:
        yield bytes(held)


class _Counter:
    """Bytes unpacked so far, against a limit."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._total = 0

    def count(self, part: bytes) -> bytes:
        self._total += len(part)
        if self._total > self._limit:
            raise LimitExceeded("unpacked_body", self._limit)
        return part


class GzipUnpacker:
    """Unpacks gzip members one after the other."""

    def __init__(self, limit: int) -> None:
        self._counter = _Counter(limit)
        self._member = zlib.decompressobj(wbits=31)
        self._fed = False

    def feed(self, data: bytes) -> Iterator[bytes]:
        """What became readable, in parts of at most 64 KiB."""
        while data:
            if self._member.eof:
                self._member = zlib.decompressobj(wbits=31)
            self._fed = True
            try:
                part = self._member.decompress(data, _GZIP_STEP)
            except zlib.error:
                raise BadRequest("the gzip body is damaged", field="body") from None
            yield self._counter.count(part)
            data = self._member.unconsumed_tail or self._member.unused_data

    def finish(self) -> None:
        """Raise `BadRequest` unless the last member was complete."""
        if self._fed and not self._member.eof:
            raise BadRequest("the gzip body is cut short", field="body")


class DeflateUnpacker:
    """Unpacks HTTP's `deflate`: zlib (RFC 1950) as it should be, else raw (RFC 1951)."""

    def __init__(self, limit: int) -> None:
        self._counter = _Counter(limit)
        self._stream = zlib.decompressobj()
        self._fed = False

    def feed(self, data: bytes) -> Iterator[bytes]:
        """What became readable, in parts of at most 64 KiB."""
        if data and not self._fed:
            self._fed = True
            # a zlib header is a multiple of 31 and names method 8 (RFC 1950, section 2.2)
            is_zlib = data[0] & 0x0F == 8 and (
                len(data) < 2 or int.from_bytes(data[:2], "big") % 31 == 0
            )
            self._stream = zlib.decompressobj() if is_zlib else zlib.decompressobj(wbits=-15)
        while data:
            if self._stream.eof:
                raise BadRequest("something follows the deflate stream", field="body")
            try:
                part = self._stream.decompress(data, _GZIP_STEP)
            except zlib.error:
                raise BadRequest("the deflate body is damaged", field="body") from None
            yield self._counter.count(part)
            data = self._stream.unconsumed_tail or self._stream.unused_data

    def finish(self) -> None:
        """Raise `BadRequest` unless the stream was complete."""
        if self._fed and not self._stream.eof:
            raise BadRequest("the deflate body is cut short", field="body")


class ZstdUnpacker:
    """Unpacks zstd frames one after the other."""

    def __init__(self, limit: int) -> None:
        self._counter = _Counter(limit)
        self._factory = zstandard.ZstdDecompressor(max_window_size=WINDOW_LIMIT)
        self._frame = self._factory.decompressobj()
        self._fed = False

    def feed(self, data: bytes) -> Iterator[bytes]:
        """What became readable; fed in slices so that no slice can unpack to much at once."""
        for start in range(0, len(data), _ZSTD_SLICE):
            rest = data[start : start + _ZSTD_SLICE]
            while rest:
                if self._frame.eof:
                    self._frame = self._factory.decompressobj()
                self._fed = True
                try:
                    part = self._frame.decompress(rest)
                except zstandard.ZstdError:
                    raise BadRequest("the zstd body is damaged", field="body") from None
                yield self._counter.count(part)
                rest = self._frame.unused_data if self._frame.eof else b""

    def finish(self) -> None:
        """Raise `BadRequest` unless the last frame was complete."""
        if self._fed and not self._frame.eof:
            raise BadRequest("the zstd body is cut short", field="body")


async def read_pieces(request: Request, limits: BodyLimits) -> AsyncIterator[bytes]:
    """The body as it comes, never more and never longer than `limits` say; raises `Late`."""
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > limits.size:
        raise LimitExceeded(limits.name, limits.size)
    total = 0
    stream = request.stream()
    end = asyncio.get_running_loop().time() + limits.whole_s
    try:
        while True:
            async with asyncio.timeout(limits.idle_s), asyncio.timeout_at(end):
                piece = await anext(stream, None)
            if piece is None:
                return
            total += len(piece)
            if total > limits.size:
                raise LimitExceeded(limits.name, limits.size)
            yield piece
    except TimeoutError:
        raise Late(
            f"the body paused for {limits.idle_s:g} s or took over {limits.whole_s:g} s",
            field="body",
        ) from None
    except ClientDisconnect:
        raise BadRequest("the body was cut short", field="body") from None


UNPACKERS: dict[str, type[GzipUnpacker] | type[DeflateUnpacker] | type[ZstdUnpacker]] = {
    "gzip": GzipUnpacker,
    "deflate": DeflateUnpacker,
    "zstd": ZstdUnpacker,
}
"""By the word of `Content-Encoding`."""
