"""The blocks of a bundle: bodies end to end, and a sorted index to find one by its digest."""

from __future__ import annotations

import hashlib
import struct
from bisect import bisect_left
from collections.abc import Collection, Iterator, Mapping

from forkpoint.bundle.archive import refused
from forkpoint.content.blocks import Digest

RECORD = struct.Struct("<32sQ")
"""Digest of a block, and where its body ends in the pack."""


class Pack(Mapping[Digest, bytes]):
    """Bodies by digest, read from the file when asked for; `get_many` is a content `Get`."""

    def __init__(self, index: memoryview, bodies: memoryview) -> None:
        if len(index) % RECORD.size:
            raise refused("its block index is cut off")
        self._index = index
        self._bodies = bodies
        self._count = len(index) // RECORD.size
        self._fan = self._fanned()

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Digest]:
        return (bytes(self._digest(number)) for number in range(self._count))

    def __getitem__(self, digest: Digest) -> bytes:
        found = self._find(digest)
        if found is None:
            raise KeyError(digest)
        return found

    def get_many(self, digests: Collection[Digest]) -> Mapping[Digest, bytes]:
        """The bodies of those digests that are here."""
        found: dict[Digest, bytes] = {}
        for digest in digests:
            body = self._find(digest)
            if body is not None:
                found[digest] = body
        return found

    def checked(self) -> Iterator[tuple[Digest, bytes]]:
        """Every block in order, once its place and digest are proved."""
        before, start = b"", 0
        for digest, end in RECORD.iter_unpack(self._index):
            if digest <= before or not start < end <= len(self._bodies):
                raise refused("its block index is damaged")
            body = bytes(self._bodies[start:end])
            if hashlib.sha256(body).digest() != digest:
                raise refused("a block is not what its digest says")
            yield digest, body
            before, start = digest, end
        if start != len(self._bodies):
            raise refused("its block index leaves bytes out")

    def _find(self, digest: Digest) -> bytes | None:
        if len(digest) != hashlib.sha256().digest_size:
            return None
        low, high = self._fan[digest[0]], self._fan[digest[0] + 1]
        at = bisect_left(range(high), digest, lo=low, key=self._digest)
        if at == high or self._digest(at) != digest:
            return None
        start = self._end(at - 1) if at else 0
        return bytes(self._bodies[start : self._end(at)])

    def _digest(self, number: int) -> bytes:
        at = number * RECORD.size
        return bytes(self._index[at : at + 32])

    def _end(self, number: int) -> int:
        return RECORD.unpack_from(self._index, number * RECORD.size)[1]

    def _fanned(self) -> list[int]:
        """For each first byte of a digest, where its records begin."""
        return [
            bisect_left(range(self._count), bytes([first]), key=self._digest)
            for first in range(256)
        ] + [self._count]
