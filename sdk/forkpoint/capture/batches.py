"""Batches: what one request to the collector holds, and what of it can still be saved."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import cast

import orjson

from forkpoint.capture.spool import Record, RecordType
from forkpoint.content.blocks import REFERENCE, digest_of, digest_text

LOST = "lost_block"


@dataclass(slots=True)
class Batch:
    """Blocks, and the events that need them or one record of a run."""

    events: list[bytes] = field(default_factory=list[bytes])
    blocks: list[bytes] = field(default_factory=list[bytes])
    start: bytes | None = None
    end: bytes | None = None

    def take(self, record: Record) -> None:
        """Add a record of the spool."""
        if record.type is RecordType.BLOCK:
            self.blocks.append(record.payload)
        elif record.type is RecordType.EVENT:
            self.events.append(record.payload)
        elif record.type is RecordType.RUN_START:
            self.start = record.payload
        else:
            self.end = record.payload

    def records(self) -> list[bytes]:
        """What it brings besides blocks."""
        return [*self.events, *(one for one in (self.start, self.end) if one is not None)]

    def add_first(self, blocks: Sequence[bytes]) -> None:
        """Put blocks before those it has: what is referred to stands first."""
        self.blocks[:0] = blocks

    def halves(self) -> list[Batch]:
        """Two smaller batches in order, none if there is nothing to halve.

        Blocks go ahead of all events: they may be needed by either half.
        """
        if len(self.blocks) > 1:
            middle = len(self.blocks) // 2
            return [
                Batch(blocks=self.blocks[:middle]),
                Batch(events=self.events, blocks=self.blocks[middle:]),
            ]
        if len(self.events) > 1:
            middle = len(self.events) // 2
            return [
                Batch(events=self.events[:middle], blocks=self.blocks),
                Batch(events=self.events[middle:]),
            ]
        return []


def withhold_lost(batch: Batch, lost: Sequence[str]) -> None:
    """Give up what needs blocks that nobody has any more: its artifacts become withheld."""
    gone = set(lost)
    kept: list[bytes] = []
    for body in batch.blocks:
        if any(match[1].decode() in gone for match in REFERENCE.finditer(body)):
            gone.add(digest_text(digest_of(body)))
        else:
            kept.append(body)
    batch.blocks = kept
    batch.events = [_withheld(event, gone) for event in batch.events]
    batch.start = None if batch.start is None else _withheld(batch.start, gone)
    batch.end = None if batch.end is None else _withheld(batch.end, gone)


def _withheld(record: bytes, gone: set[str]) -> bytes:
    value = cast("dict[str, object]", orjson.loads(record))
    artifacts = cast("list[dict[str, object]]", value.get("artifacts") or [])
    hit = [ref for ref in artifacts if ref.get("root") in gone]
    if not hit:
        return record
    for ref in hit:
        ref.pop("root")
        ref |= {"state": "withheld", "reason": LOST}
    return orjson.dumps(value)
