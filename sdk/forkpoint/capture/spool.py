"""Where recorded facts go: the `Sink` protocol, the spool on disk behind it, and its reader.

A spool is a folder per writing process with segments `000000.seg`, `000001.seg`, ... A record is
u32le length, u32le CRC-32 of the payload, u8 type, payload; nothing in it was ever unredacted.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import Protocol

from forkpoint.events.model import Event, RunEnd, RunStart

SEGMENT_BYTES = 8 << 20
RECORD_BYTES = 128 << 20
"""A longer length field can only be damage."""
HEADER = struct.Struct("<IIB")


class Sink(Protocol):
    """Takes what a run's writer makes, in order. Never raises: what it loses it counts.

    Any thread may call it, one at a time per run. Blocks come before the record that needs them.
    """

    def start(self, record: RunStart, blocks: Sequence[bytes]) -> None:
        """A run begins; `blocks` are those of its artifacts not given to `block` before."""
        ...

    def block(self, body: bytes) -> None:
        """A content block."""
        ...

    def event(self, event: Event) -> None:
        """An event."""
        ...

    def end(self, record: RunEnd) -> None:
        """A run is over."""
        ...

    def flush(self) -> None:
        """Make what was taken survive a kill of this process."""
        ...

    def room(self) -> int:
        """Bytes it can still take; at 0 it drops."""
        ...

    def failing(self) -> bool:
        """Whether what it takes now might not survive this process: its disk refuses writes."""
        ...

    def close(self) -> None:
        """Flush, and let go of files and locks."""
        ...

    def renew(self) -> None:
        """In a forked child: what is open and waits is the parent's; begin anew."""
        ...


class RecordType(IntEnum):
    """What a record of a spool holds."""

    RUN_START = 1
    BLOCK = 2
    EVENT = 3
    RUN_END = 4


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """A place in a spool: segment number and byte offset in it."""

    segment: int = 0
    offset: int = 0


@dataclass(frozen=True, slots=True)
class Record:
    """One record and where the next one begins."""

    type: RecordType
    payload: bytes
    after: Position


def pack_record(kind: RecordType, payload: bytes) -> bytes:
    """The bytes of one record."""
    return HEADER.pack(len(payload), zlib.crc32(payload), kind) + payload


def segment_path(folder: Path, number: int) -> Path:
    """The file of a segment."""
    return folder / f"{number:06d}.seg"


class SpoolReader:
    """Reads a spool that may still be growing, also in another process."""

    __slots__ = ("damaged", "folder")

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.damaged = 0
        """Records given up because their bytes are wrong."""

    def read(
        self, position: Position, *, limit: int = SEGMENT_BYTES
    ) -> tuple[list[Record], Position]:
        """Whole records from a position on, about `limit` bytes of them, and where to go on.

        A record that is cut off at the end is not there yet. One whose bytes are damaged ends its
        segment when a later segment exists: what follows in it cannot be trusted.
        """
        records: list[Record] = []
        left = limit
        while left > 0:
            found = list(self._segment(position, left))
            records += found
            left -= sum(len(record.payload) + HEADER.size for record in found)
            position = found[-1].after if found else position
            if found:
                continue
            following = self._following(position.segment)
            if following is None or following == position.segment:
                break
            if self._rest(position):
                self.damaged += 1
            position = Position(following, 0)
        return records, position

    def last_segment(self) -> int | None:
        """The highest segment number, None for an empty spool."""
        return max(self._numbers(), default=None)

    def _following(self, segment: int) -> int | None:
        return min((number for number in self._numbers() if number > segment), default=None)

    def _numbers(self) -> list[int]:
        try:
            return [int(path.stem) for path in self.folder.glob("[0-9]*.seg")]
        except OSError:
            return []

    def _rest(self, position: Position) -> int:
        try:
            size = segment_path(self.folder, position.segment).stat().st_size
        except OSError:
            return 0
        return size - position.offset

    def _segment(self, position: Position, limit: int) -> Iterator[Record]:
        try:
            with segment_path(self.folder, position.segment).open("rb") as file:
                file.seek(position.offset)
                data = file.read(limit + HEADER.size)
                data += file.read(_missing(data))
        except OSError:
            return
        at = 0
        while len(data) - at >= HEADER.size:
            length, checksum, kind = HEADER.unpack_from(data, at)
            payload = data[at + HEADER.size : at + HEADER.size + length]
            if len(payload) < length or zlib.crc32(payload) != checksum or kind not in _TYPES:
                return
            at += HEADER.size + length
            after = Position(position.segment, position.offset + at)
            yield Record(RecordType(kind), payload, after)


_TYPES = frozenset(RecordType)


def _missing(data: bytes) -> int:
    """Bytes the first record of `data` still lacks: one record may be larger than the limit."""
    if len(data) < HEADER.size:
        return 0
    length = HEADER.unpack_from(data)[0]
    return max(0, length + HEADER.size - len(data)) if length <= RECORD_BYTES else 0
