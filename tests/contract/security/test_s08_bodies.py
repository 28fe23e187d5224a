"""S8: bombs, cut frames and windows are refused while they are unpacked."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterable

import pytest
import zstandard
from forkpoint_server.errors import BadRequest, LimitExceeded
from forkpoint_server.security.bodies import GzipUnpacker, ZstdUnpacker

LIMIT = 1_000_000
LINE = b'{"event_type": "note"}\n'


def packed_zstd(data: bytes, **settings: int) -> bytes:
    return zstandard.ZstdCompressor(level=19, **settings).compress(data)  # type: ignore[arg-type]


def unpacked(unpacker: GzipUnpacker | ZstdUnpacker, data: bytes, *, piece: int = 10_000) -> bytes:
    """Everything, fed in pieces as a socket gives it."""
    body = b"".join(
        part
        for start in range(0, len(data), piece)
        for part in unpacker.feed(data[start : start + piece])
    )
    unpacker.finish()
    return body


def largest(parts: Iterable[bytes]) -> int:
    """The largest part that was made before the refusal."""
    most = 0
    with pytest.raises(LimitExceeded):
        for part in parts:
            most = max(most, len(part))
    return most


@pytest.mark.parametrize("piece", [1, 100, 10_000])
def test_s08_both_encodings_give_back_what_was_packed(piece: int):
    data = LINE * 5_000

    assert unpacked(ZstdUnpacker(LIMIT), packed_zstd(data), piece=piece) == data
    assert unpacked(GzipUnpacker(LIMIT), gzip.compress(data), piece=piece) == data


def test_s08_all_frames_and_members_of_a_body_are_read():
    zstd = packed_zstd(LINE) * 100
    members = gzip.compress(LINE) * 100

    assert unpacked(ZstdUnpacker(LIMIT), zstd) == LINE * 100
    assert unpacked(GzipUnpacker(LIMIT), members) == LINE * 100


def test_s08_a_bomb_is_refused_before_it_unfolds():
    zeros = bytes(200_000_000)

    assert largest(ZstdUnpacker(LIMIT).feed(packed_zstd(zeros))) < 40_000_000
    assert largest(GzipUnpacker(LIMIT).feed(gzip.compress(zeros))) <= 65_536


@pytest.mark.parametrize("cut", [1, 5, 20])
def test_s08_a_cut_body_is_refused(cut: int):
    data = LINE * 50

    with pytest.raises(BadRequest):
        unpacked(ZstdUnpacker(LIMIT), packed_zstd(data)[:-cut])
    with pytest.raises(BadRequest):
        unpacked(GzipUnpacker(LIMIT), gzip.compress(data)[:-cut])


def test_s08_a_window_of_128_mib_is_refused():
    data = zstandard.ZstdCompressor(
        compression_params=zstandard.ZstdCompressionParameters(window_log=27)
    ).compressobj()
    body = data.compress(LINE) + data.flush()

    with pytest.raises(BadRequest):
        unpacked(ZstdUnpacker(LIMIT), body)


def test_s08_damaged_and_foreign_bytes_are_refused():
    for unpacker in (ZstdUnpacker(LIMIT), GzipUnpacker(LIMIT)):
        with pytest.raises(BadRequest):
            unpacked(unpacker, b"this is no packed body")
    with pytest.raises(BadRequest):
        unpacked(GzipUnpacker(LIMIT), zlib.compress(LINE))


def test_s08_an_empty_body_is_empty():
    assert unpacked(ZstdUnpacker(LIMIT), b"") == b""
