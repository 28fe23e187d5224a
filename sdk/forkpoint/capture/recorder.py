"""The recorder of this process: one bounded queue, one background thread, one sink.

Callers append and go on. The thread redacts, encodes and writes; it starts with the first fact and
again after a fork. What fails inside is counted and withheld, never raised into the host, unless
the settings say `fail=closed`: then a call that cannot be recorded is refused before it acts.
"""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from forkpoint.capture.counters import Counters
from forkpoint.capture.items import (
    Attempted,
    Deferred,
    Item,
    Noted,
    RunBegun,
    RunOver,
    StepBegun,
    StepOver,
    without_payload,
)
from forkpoint.capture.spool import Sink
from forkpoint.content.cache import CellCache
from forkpoint.errors import CaptureError
from forkpoint.redact.engine import Redactor
from forkpoint.settings import Settings

if TYPE_CHECKING:
    from forkpoint.capture.runs import Run

POLL_S = 0.04
"""The longest a fact waits for the background thread: what a kill -9 may lose, with the write."""
EARLY = 512
"""So many waiting facts wake the thread at once."""
CROWDED, FILLING = 64, 1024
"""So many waiting facts, and the thread gives way after `TURN_S` only, not after each of them; at
the second number no more, and the interpreter alone shares its time. Where no processor is idle
each time costs milliseconds (5 at a load of 12 on two cores), and the queue would fill."""
TURN_S = 0.001
LOW_ROOM = 4 << 20
"""Bytes left in the sink below which payloads are withheld, so that facts still fit."""
IDLE_S = 5.0
RETRY_S = 0.02
"""How often a call that waits for room (`fail=closed`) looks again."""

Loader = Callable[[str | None], Redactor]
"""Makes the redactor of a project, or of one run under isolation `run`, on first use: it may read
or create the key file. Raises `RedactionError`."""


class Uplink(Protocol):
    """What sends the spool on; None when somebody else does."""

    def nudge(self) -> None:
        """There is something new to send."""
        ...

    def flush(self, deadline: float) -> bool:
        """Wait until all is acknowledged or the monotonic deadline; whether all is."""
        ...

    def stop(self) -> None:
        """Send no more."""
        ...

    def renewed(self) -> Uplink:
        """One like it for a forked child, which has the parent's threads and files no more."""
        ...


class Recorder:
    """Takes the facts of all runs of this process. Thread-safe; `reset_after_fork` in a child."""

    def __init__(
        self,
        settings: Settings,
        sink: Sink,
        loader: Loader,
        *,
        counters: Counters | None = None,
        uplink: Uplink | None = None,
        background: bool = True,
    ) -> None:
        self.settings = settings
        self.sink = sink
        self.counters = counters or Counters()
        self.uplink = uplink
        self.closed_mode = settings.fail == "closed"
        self._loader = loader
        self._background = background
        self._redactor: Redactor | None = None
        self._key_failed = False
        self._learned: list[str] = []
        self._lost_told = self.counters.facts_lost()
        self._fresh()

    def _fresh(self) -> None:
        self._queue: deque[tuple[Run, Item]] = deque()
        self._arrived = 0
        self._taken = 0
        self._bytes_lock = threading.Lock()
        self._drain_lock = threading.RLock()
        self._wake = threading.Event()
        self._thread: threading.Thread | None = None
        self._idle = False
        self._stopping = False
        self.runs: set[Run] = set()
        self.cache = CellCache(os.urandom(16))

    @property
    def redactor(self) -> Redactor | None:
        """The redactor, or None without a key: then every payload is withheld."""
        if self._redactor is None and not self._key_failed:
            try:
                self._redactor = self._loader(None)
            except Exception:  # the key file is missing, unreadable or no key
                self._key_failed = True
                self.counters.add("key_missing")
        return self._redactor

    def redactor_for(self, run_id: str) -> Redactor | None:
        """The redactor of a run: its own one where runs are isolated from each other."""
        redactor = self.redactor
        if redactor is None or self.settings.redaction.isolation == "project":
            return redactor
        own = self._loader(run_id)
        for secret in self._learned:
            own = own.knowing(secret)
        return own

    def add_secret(self, value: str) -> None:
        """Mask one more known value from now on."""
        with self._drain_lock:
            redactor = self.redactor
            if redactor is None:
                return
            self._learned.append(value)
            self._redactor = redactor.knowing(value)
            self.cache.clear()
            for run in self.runs:
                if run.writer.redactor is not None:
                    run.writer.redact_with(run.writer.redactor.knowing(value))

    def check(self) -> None:
        """Under `fail=closed`, refuse what could not be recorded now.

        Waits `fail_wait_s` for room in the spool; a full queue the caller writes out itself.
        """
        if not self.closed_mode:
            return
        if self.redactor is None:
            raise CaptureError("there is no redaction key; the call was not made")
        deadline = time.monotonic() + self.settings.fail_wait_s
        while self.sink.failing() or self._room_left() < LOW_ROOM:
            if time.monotonic() >= deadline:
                raise CaptureError("the spool is full or cannot be written; the call was not made")
            self._write_out()
            time.sleep(RETRY_S)

    def _room_left(self) -> int:
        """Bytes the sink still takes once all that waits is written."""
        return self.sink.room() - (self._arrived - self._taken)

    def submit(self, run: Run, item: Item) -> None:
        """Queue a fact; when there is no room its payload goes first, then the fact itself.

        Under `fail=closed` neither goes: the caller writes out what waits.
        """
        size = item.size
        crowded = bool(size) and self._arrived - self._taken + size > self.settings.queue_bytes
        waiting = len(self._queue)
        if self.closed_mode and (crowded or waiting >= self.settings.queue_events):
            self.drain()
            waiting, crowded = len(self._queue), False
        if crowded:
            item, size = without_payload(item, "overload"), 0
            self.counters.add("payloads_withheld")
        if (
            not self.closed_mode
            and waiting >= self.settings.queue_events
            and isinstance(item, StepBegun | Noted | Attempted)
        ):
            run.lose(item)
            return
        if size:
            self._arrived += size  # approximate where threads race: the bound is a soft one
        self._queue.append((run, item))
        if self._thread is None and self._background:
            self._start()
        elif self._idle or waiting == EARLY:
            self._wake.set()

    def attend(self) -> None:
        """Flush in the background what a run writes past the queue (a replay does)."""
        if self._thread is None and self._background:
            self._start()
        self._wake.set()

    def drain(self) -> None:
        """Write everything that waits; any thread may do it."""
        with self._drain_lock:
            written = yielded = time.monotonic()
            while self._queue:
                run, item = self._queue.popleft()
                self._taken += item.size
                self._take(run, item)
                now = time.monotonic()
                waiting = len(self._queue)
                if waiting < CROWDED or (waiting < FILLING and now - yielded > TURN_S):
                    # The host gets the interpreter; on a busy machine others get the processor too.
                    time.sleep(0)
                    yielded = now = time.monotonic()
                if now - written > POLL_S:  # a busy host never leaves us without
                    self._write_out()
                    written = time.monotonic()
            self._write_out()

    def _write_out(self) -> None:
        self.sink.flush()
        if self.uplink is not None:
            self.uplink.nudge()

    def flush(self, seconds: float) -> bool:
        """Write all that was recorded so far and send it.

        False if the time was too short, or if facts were lost since the last flush (`stats`).
        """
        deadline = time.monotonic() + seconds
        self.drain()
        sent = self.uplink is None or self.uplink.flush(deadline)
        before, self._lost_told = self._lost_told, self.counters.facts_lost()
        return sent and before == self._lost_told

    def stop(self) -> None:
        """End the background thread after what waits is written."""
        self._stopping = True
        self._wake.set()
        self.drain()

    def close(self) -> None:
        """Stop, and let others have what was spooled."""
        self.stop()
        if self.uplink is not None:
            self.uplink.stop()
        self.sink.close()

    def reset_after_fork(self) -> None:
        """In a forked child: nothing of the parent's queue, files, locks and thread is ours."""
        runs = self.runs
        self.counters.renew()
        self.sink.renew()
        self.uplink = None if self.uplink is None else self.uplink.renewed()
        self._fresh()
        self.runs = runs

    def _start(self) -> None:
        with self._bytes_lock:
            if self._thread is not None:
                return
            self._thread = threading.Thread(target=self._work, name="forkpoint-record", daemon=True)
        try:
            self._thread.start()
        except RuntimeError:  # the interpreter is shutting down: `flush` at exit writes the rest
            self.counters.add("thread_not_started")

    def _work(self) -> None:
        while not self._stopping:
            self._idle = not self.runs and not self._queue
            # Looked at again: a fact that came before `_idle` was set has not woken us.
            self._wake.wait(IDLE_S if self._idle and not self._queue else POLL_S)
            self._wake.clear()
            self._idle = False
            try:
                self.drain()
            except Exception:  # the thread must live: nothing else writes
                self.counters.add("internal_errors")

    def _take(self, run: Run, item: Item) -> None:
        room = self.sink.room()
        if room < LOW_ROOM:
            if room <= 0 and not isinstance(item, RunOver | RunBegun):
                run.lose(item)
                return
            item = without_payload(item, "overload")
            self.counters.add("payloads_withheld")
        try:
            apply(run, item)
        except Exception:  # a bug of ours must not cost the fact as well
            self.counters.add("internal_errors")
            self._without_payload(run, item)
        self.counters.add("facts_written")

    def _without_payload(self, run: Run, item: Item) -> None:
        try:
            apply(run, without_payload(item, "internal"))
        except Exception:  # as above: then the fact is lost, and counted
            run.lose(item)


def apply(run: Run, item: Item) -> None:
    """Let a run's writer write one fact, after a gap for what was lost before it."""
    if isinstance(item, Deferred):
        item = item.make()
    if isinstance(item, StepOver) and run.was_lost(item):
        run.lose(item)
        return
    writer = run.writer
    lost = 0 if isinstance(item, RunBegun) else run.take_lost()
    with writer.lock:
        if lost:
            writer.gap(count=lost, reason="overload", time_ns=item.time_ns)
        writer.write(item)
