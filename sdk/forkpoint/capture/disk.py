"""The spool on disk: what this process records, until someone has sent it."""

from __future__ import annotations

import fcntl
import os
import threading
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path

from forkpoint.capture.counters import Counters
from forkpoint.capture.spool import (
    SEGMENT_BYTES,
    Position,
    RecordType,
    pack_record,
    segment_path,
)
from forkpoint.events import wire
from forkpoint.events.model import Event, RunEnd, RunStart

SYNC_BYTES = 1 << 20
SYNC_NS = 1_000_000_000
RETRY_NS = 10_000_000_000
MEMORY_BYTES = 16 << 20
"""What is kept in memory while the disk refuses writes."""
LOOK_NS = 1_000_000_000
"""How often a spool without room looks whether something was sent and deleted."""
LOCK = "lock"


class DiskSpool:
    """A `Sink` that appends records to segments of one folder, locked while this process lives.

    Records are gathered in memory and written by `flush`, which the background thread calls many
    times a second; they are forced to the disk each second or MiB. Its errors are counted, never
    raised.
    """

    def __init__(
        self,
        parent: Path,
        *,
        counters: Counters,
        clock: Callable[[], int],
        bound: int,
        segment_bytes: int = SEGMENT_BYTES,
    ) -> None:
        self._parent = parent
        self._counters = counters
        self._clock = clock
        self._bound = bound
        self._segment_bytes = segment_bytes
        self._lock = threading.Lock()
        self._waiting: list[bytes] = []
        self._waiting_bytes = 0
        self._file = -1
        self._lock_file = -1
        self._segment = -1
        self._in_segment = 0
        self._unsynced = 0
        self._synced_ns = 0
        self._retry_ns = 0
        self._sizes: dict[int, int] = {}
        self._others = 0
        """Bytes of the spools of other processes, dead or alive, under the same bound."""
        self._looked_ns = 0
        self.folder = parent / str(uuid.uuid4())

    def start(self, record: RunStart, blocks: Sequence[bytes]) -> None:
        """Append the record that opens a run."""
        for body in blocks:
            self.block(body)
        self._append(RecordType.RUN_START, wire.encode(record))

    def block(self, body: bytes) -> None:
        """Append a content block."""
        self._append(RecordType.BLOCK, body)

    def event(self, event: Event) -> None:
        """Append an event."""
        self._append(RecordType.EVENT, wire.encode(event))

    def end(self, record: RunEnd) -> None:
        """Append the record that closes a run."""
        self._append(RecordType.RUN_END, wire.encode(record))

    def room(self) -> int:
        """Bytes until the bound; segments that were sent and deleted count as free again.

        While the disk refuses writes, what memory can still hold.
        """
        with self._lock:
            left = self._left()
            if left < self._segment_bytes and self._clock() - self._looked_ns >= LOOK_NS:
                self._look_around()
                left = self._left()
            if self._retry_ns:
                left = min(left, MEMORY_BYTES - self._waiting_bytes)
            return max(0, left)

    def failing(self) -> bool:
        """Whether the disk refused the last write."""
        return self._retry_ns != 0

    def flush(self) -> None:
        """Write what waits, and force it to the disk when that is due."""
        with self._lock:
            if self._waiting and self._clock() >= self._retry_ns:
                self._write()
            self._sync(force=False)

    def _left(self) -> int:
        return self._bound - sum(self._sizes.values()) - self._others - self._waiting_bytes

    def close(self) -> None:
        """Write and force everything out, and let another process have the folder."""
        with self._lock:
            self._write()
            self._sync(force=True)
            for descriptor in (self._file, self._lock_file):
                if descriptor != -1:
                    os.close(descriptor)
            self._file = self._lock_file = -1

    def end_position(self) -> Position:
        """Where the records written so far end."""
        with self._lock:
            return Position(max(self._segment, 0), self._in_segment)

    def renew(self) -> None:
        """In a forked child: the files are the parent's; nothing is written, not even later."""
        for descriptor in (self._file, self._lock_file):
            if descriptor != -1:
                os.close(descriptor)
        self._lock = threading.Lock()
        self._waiting = []
        self._waiting_bytes = 0
        self._file = self._lock_file = self._segment = -1
        self._in_segment = self._unsynced = 0
        self._sizes = {}
        self.folder = self._parent / str(uuid.uuid4())

    def _append(self, kind: RecordType, payload: bytes) -> None:
        record = pack_record(kind, payload)
        with self._lock:
            if self._waiting_bytes + len(record) > MEMORY_BYTES:
                self._write()
            if self._waiting_bytes + len(record) > MEMORY_BYTES:
                self._counters.add("spool_records_lost")
                return
            self._waiting.append(record)
            self._waiting_bytes += len(record)

    def _write(self) -> None:
        try:
            while self._waiting:
                self._open_segment()
                batch = self._batch()
                data = b"".join(batch)
                _write_all(self._file, data)
                del self._waiting[: len(batch)]
                self._waiting_bytes -= len(data)
                self._in_segment += len(data)
                self._unsynced += len(data)
                self._sizes[self._segment] = self._in_segment
            self._retry_ns = 0
        except OSError:
            self._counters.add("spool_errors")
            self._retry_ns = self._clock() + RETRY_NS
            self._begin_next_segment()

    def _batch(self) -> list[bytes]:
        """Waiting records that still belong into this segment, at least one."""
        batch: list[bytes] = []
        size = self._in_segment
        for record in self._waiting:
            if batch and size + len(record) > self._segment_bytes:
                break
            batch.append(record)
            size += len(record)
        return batch

    def _open_segment(self) -> None:
        if self._file != -1 and self._in_segment < self._segment_bytes:
            return
        self._begin_next_segment()
        if self._lock_file == -1:
            self._lock_folder()
        path = segment_path(self.folder, self._segment + 1)
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
        self._segment += 1
        self._in_segment = 0
        self._look_around()

    def _begin_next_segment(self) -> None:
        """Leave the current segment: it is full, or its last record may be cut off."""
        if self._file != -1:
            self._sync(force=True)
            os.close(self._file)
        self._file = -1

    def _lock_folder(self) -> None:
        self.folder.mkdir(parents=True, mode=0o700, exist_ok=True)
        self._lock_file = os.open(self.folder / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.flock(self._lock_file, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def _look_around(self) -> None:
        """Forget own segments that were sent and deleted, and weigh what others left or write."""
        self._looked_ns = self._clock()
        for number in list(self._sizes):
            if not segment_path(self.folder, number).exists():
                del self._sizes[number]
        self._others = _bytes_below(self._parent, but=self.folder.name)

    def _sync(self, *, force: bool) -> None:
        now = self._clock()
        due = self._unsynced >= SYNC_BYTES or now - self._synced_ns >= SYNC_NS
        if self._file == -1 or not self._unsynced or not (due or force):
            return
        try:
            os.fdatasync(self._file)
        except OSError:
            self._counters.add("spool_errors")
        self._unsynced = 0
        self._synced_ns = now


def _bytes_below(parent: Path, *, but: str) -> int:
    """Bytes of all segments in the folders of a spool, one left out."""
    total = 0
    for path in parent.glob("*/[0-9]*.seg"):
        if path.parent.name != but:
            try:
                total += path.stat().st_size
            except OSError:  # it was sent and deleted just now
                continue
    return total


def _write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]
