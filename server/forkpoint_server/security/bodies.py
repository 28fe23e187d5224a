"""Request bodies, counted while they are read and while they are unpacked (security guide, S8).

A declared length is believed only to refuse early. `zstandard` ignores limits when a frame states
its size and accepts cut frames, so frames are unpacked one by one in small slices.
"""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import AsyncIterator, Iterator

import zstandard
from starlette.requests import ClientDisconnect, Request

from forkpoint_server.errors import BadRequest, LimitExceeded

WINDOW_LIMIT = 2**23
"""Largest zstd window in bytes that is unpacked (RFC 8878 recommends 8 MiB)."""
_ZSTD_SLICE = 256
_GZIP_STEP = 65_536


async def read_body(request: Request, *, limit: int, idle_s: float) -> bytes:
    """The plain body; raises `LimitExceeded`, or `BadRequest` for a cut or encoded one."""
    if request.headers.get("content-encoding", "identity") != "identity":
        raise BadRequest("this route takes no content-encoding", field="content-encoding")
    body = bytearray()
    async for piece in read_pieces(request, limit=limit, idle_s=idle_s):
        body += piece
    return bytes(body)


async def read_packed_body(request: Request, *, limit: int, idle_s: float) -> bytes:
    """The unpacked body of a request that may be gzip or zstd; both forms stay below `limit`."""
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding == "identity":
        return await read_body(request, limit=limit, idle_s=idle_s)
    if encoding not in ("gzip", "zstd"):
        raise BadRequest("content-encoding must be gzip or zstd, once", field="content-encoding")
    unpacker = GzipUnpacker(limit) if encoding == "gzip" else ZstdUnpacker(limit)
    body = bytearray()
    async for piece in read_pieces(request, limit=limit, idle_s=idle_s):
        for part in unpacker.feed(piece):
            body += part
    unpacker.finish()
    return bytes(body)


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


async def read_pieces(
    request: Request, *, limit: int, idle_s: float, name: str = "body"
) -> AsyncIterator[bytes]:
    """The body as it comes, never more than `limit` bytes, never waiting longer than `idle_s`."""
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > limit:
        raise LimitExceeded(name, limit)
    total = 0
    stream = request.stream()
    try:
        while True:
            async with asyncio.timeout(idle_s):
                piece = await anext(stream, None)
            if piece is None:
                return
            total += len(piece)
            if total > limit:
                raise LimitExceeded(name, limit)
            yield piece
    except TimeoutError:
        raise BadRequest(f"the body paused for {idle_s:g} s", field="body") from None
    except ClientDisconnect:
        raise BadRequest("the body was cut short", field="body") from None


UNPACKERS: dict[str, type[GzipUnpacker] | type[DeflateUnpacker] | type[ZstdUnpacker]] = {
    "gzip": GzipUnpacker,
    "deflate": DeflateUnpacker,
    "zstd": ZstdUnpacker,
}
"""By the word of `Content-Encoding`."""
