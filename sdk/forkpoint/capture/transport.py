"""The sender: reads a spool and brings it to a collector, in order, until it is acknowledged.

What is sent twice is stored once (ids are derived), so after any doubt it simply sends again.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import orjson

from forkpoint.capture.batches import Batch, withhold_lost
from forkpoint.capture.collector import Collector, Ingested, RejectedEvent, TooLarge
from forkpoint.capture.counters import Counters
from forkpoint.capture.spool import Position, Record, RecordType, SpoolReader, segment_path
from forkpoint.capture.uplink import NotOpenYet
from forkpoint.content.blocks import digest_of, digest_text
from forkpoint.errors import Rejected

BATCH_EVENTS = 500
BATCH_BYTES = 1 << 20
KEPT_BYTES = 32 << 20
"""Bodies of acknowledged blocks kept, in case the collector has lost one since."""
RESENDS = 64
"""Times one batch is sent again with blocks it lacked: a tree is at most this deep."""
ACKED = "acked"
UNKNOWN_RUN = "unknown_run"
PATIENCE = 30
"""Times a batch is sent again because the process that opens its run has not done so yet: over a
minute, since the waits grow."""
REJECTED_BYTES = 64 << 20
"""Size of a file of rejected events beyond which they are only counted."""
_log = logging.getLogger("forkpoint")


class KeptBlocks:
    """The bodies sent last, by digest."""

    def __init__(self, size: int = KEPT_BYTES) -> None:
        self._left = size
        self._bodies: OrderedDict[str, bytes] = OrderedDict()

    def keep(self, bodies: Sequence[bytes]) -> None:
        """Remember bodies, the oldest out."""
        for body in bodies:
            name = digest_text(digest_of(body))
            if name not in self._bodies:
                self._bodies[name] = body
                self._left -= len(body)
        while self._left < 0 and self._bodies:
            self._left += len(self._bodies.popitem(last=False)[1])

    def find(self, digests: Sequence[str]) -> list[bytes]:
        """The bodies of those that are kept."""
        return [self._bodies[name] for name in digests if name in self._bodies]


@dataclass(slots=True)
class Sender:
    """Sends what a `SpoolReader` finds. `pump` once or for ever; `position` is acknowledged.

    Segments that lie wholly before the position are deleted. Not for two threads at once.
    """

    reader: SpoolReader
    collector: Collector
    counters: Counters = field(default_factory=Counters)
    rejected_folder: Path | None = None
    """Where events go that will never be taken; beside the spool if None."""
    delete: bool = True
    position: Position = field(default_factory=Position)
    _kept: KeptBlocks = field(default_factory=KeptBlocks)
    patience: int = PATIENCE
    _waited: int = 0
    _ahead: list[Record] = field(default_factory=list[Record])
    _told: set[str] = field(default_factory=set[str])
    """Codes of rejections that were warned of."""

    def resume(self) -> None:
        """Go on where an earlier sender of this spool stopped."""
        try:
            segment, offset = (self.reader.folder / ACKED).read_text().split()
            self.position = Position(int(segment), int(offset))
        except (OSError, ValueError):
            self.position = Position()

    def pump(self) -> bool:
        """Send one batch; False if there is nothing to send.

        Raises `Unavailable` (wait and pump again) or `NotAllowed`; nothing is lost by either.
        """
        if not self._ahead:
            self._ahead, after = self.reader.read(self.position, limit=2 * BATCH_BYTES)
            if not self._ahead:
                self._advance(after)
                return False
        batch, taken = _next_batch(self._ahead)
        self._send(batch)
        after = self._ahead[taken - 1].after
        del self._ahead[:taken]
        self._advance(after)
        return True

    def _send(self, batch: Batch) -> None:
        if batch.start is None and batch.end is None:
            self._ingest(batch)
        else:
            try:
                self._until_complete(batch, lambda: self._record(batch))
            except TooLarge as error:
                self._send_apart(batch, error)
            except Rejected as error:
                self._reject(batch, [RejectedEvent(0, error.code, error.message)])
        self._kept.keep(batch.blocks)

    def _send_apart(self, batch: Batch, error: TooLarge) -> None:
        """A record of a run with too many blocks for one request: first these, then the record."""
        if not batch.blocks:
            self._reject(batch, [RejectedEvent(0, error.code, error.message)])
            return
        self._ingest(Batch(blocks=batch.blocks))
        self._kept.keep(batch.blocks)
        self._send(Batch(start=batch.start, end=batch.end))

    def _record(self, batch: Batch) -> Sequence[str]:
        if batch.start is not None:
            return self.collector.start(batch.start, batch.blocks)
        return self.collector.finish(batch.end or b"", batch.blocks)

    def _ingest(self, batch: Batch) -> None:
        try:
            self._until_complete(batch, lambda: self._store(batch))
        except (TooLarge, Rejected) as error:
            halves = batch.halves()
            if not halves:
                self._reject(batch, [RejectedEvent(0, error.code, error.message)])
            for half in halves:
                self._ingest(half)

    def _store(self, batch: Batch) -> Sequence[str]:
        done = self.collector.ingest(batch.events, batch.blocks)
        if not done.missing:
            self._wait_for_run(done)
            self.counters.add("events_sent", done.accepted + done.held)
            self.counters.add("events_duplicate", done.duplicates)
            self._reject(batch, done.rejected)
        return done.missing

    def _wait_for_run(self, done: Ingested) -> None:
        """A forked process may be faster than the one that opens the run: try again later."""
        unknown = any(one.code.lower() == UNKNOWN_RUN for one in done.rejected)
        if not unknown:
            self._waited = 0
        elif self._waited < self.patience:
            self._waited += 1
            raise NotOpenYet("the run is not open yet; its events are sent again")

    def _until_complete(self, batch: Batch, send: Callable[[], Sequence[str]]) -> None:
        for _ in range(RESENDS):
            missing = send()
            if not missing:
                self.counters.add("batches_sent")
                return
            found = self._kept.find(missing)
            batch.add_first(found)
            if len(found) < len(missing):
                known = {digest_text(digest_of(body)) for body in found}
                lost = [name for name in missing if name not in known]
                self.counters.add("blocks_lost", len(lost))
                withhold_lost(batch, lost)
        raise Rejected("the collector keeps missing blocks of one batch")

    def _reject(self, batch: Batch, rejected: Sequence[RejectedEvent]) -> None:
        if not rejected:
            return
        self.counters.add("events_rejected", len(rejected))
        folder = self.rejected_folder or self.reader.folder.parent.parent / "rejected"
        path = folder / f"{self.reader.folder.name}.ndjson"
        for code in {one.code for one in rejected} - self._told:
            self._told.add(code)
            _log.warning("events_rejected code=%s kept_in=%s", code, path)
        try:
            self._keep_aside(path, batch, rejected)
        except OSError:  # a full disk must not stop what makes room on it
            self.counters.add("rejected_not_kept", len(rejected))

    def _keep_aside(self, path: Path, batch: Batch, rejected: Sequence[RejectedEvent]) -> None:
        path.parent.mkdir(parents=True, mode=0o700, exist_ok=True)
        with path.open("ab") as file:
            if file.tell() > REJECTED_BYTES:
                self.counters.add("rejected_not_kept", len(rejected))
                return
            for one in rejected:
                for record in batch.records()[one.index : one.index + 1]:
                    kept = orjson.Fragment(record)
                    line = {"code": one.code, "message": one.message, "record": kept}
                    file.write(orjson.dumps(line) + b"\n")

    def _advance(self, position: Position) -> None:
        if position == self.position:
            return
        before, self.position = self.position, position
        if not self.delete:
            return
        try:
            (self.reader.folder / ACKED).write_text(f"{position.segment} {position.offset}")
        except (
            OSError
        ):  # the next sender begins at the oldest segment left: stored once all the same
            self.counters.add("spool_errors")
        for number in range(before.segment, position.segment):
            segment_path(self.reader.folder, number).unlink(missing_ok=True)


def _next_batch(records: Sequence[Record]) -> tuple[Batch, int]:
    """The next request and how many records it takes: a run's record stands alone."""
    batch = Batch()
    size = 0
    for index, record in enumerate(records):
        size += len(record.payload)
        full = len(batch.events) >= BATCH_EVENTS or (batch.events and size > BATCH_BYTES)
        boundary = record.type in (RecordType.RUN_START, RecordType.RUN_END)
        if full or (boundary and batch.events):
            return batch, index
        batch.take(record)
        if boundary:
            return batch, index + 1
    return batch, len(records)
