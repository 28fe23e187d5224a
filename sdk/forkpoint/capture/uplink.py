"""Sends this process's spool in the background, and the spools that dead processes left behind."""

from __future__ import annotations

import fcntl
import importlib
import logging
import os
import random
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Protocol, cast

from forkpoint.capture.counters import Counters
from forkpoint.capture.disk import LOCK, DiskSpool
from forkpoint.capture.spool import Position, SpoolReader
from forkpoint.errors import TransportError, Unavailable
from forkpoint.settings import Settings

BATCH_S = 0.2
FIRST_WAIT_S, LONGEST_WAIT_S = 0.5, 30.0
LONGEST_ASKED_S = 600.0
"""A `Retry-After` counts at most so much."""
LONGEST_OPEN_S = 5.0
"""Between two looks whether another process has opened our run."""
ADOPT_S = 30.0
STALE_S = 3600.0
"""A spool that was last written so long ago waits no more for its run to be opened by another."""
YOUNG_S = 60.0
"""A folder without segments is younger than this while its process begins."""
_log = logging.getLogger("forkpoint")


class NotOpenYet(Unavailable):
    """The process that opens this run has not done so yet: soon, the collector will know it."""

    code = "run_not_open"


class _Sender(Protocol):
    position: Position
    patience: int

    def resume(self) -> None: ...
    def pump(self) -> bool: ...


class _Transport(Protocol):
    """The module that speaks HTTP; it is loaded in our thread, not in the host's."""

    def http_sender(self, folder: Path, settings: Settings, counters: Counters) -> _Sender: ...


class SpoolUplink:
    """One daemon thread that pumps a `Sender`; waits with jitter while the collector is away."""

    def __init__(self, spool: DiskSpool, settings: Settings, counters: Counters) -> None:
        self._spool = spool
        self._settings = settings
        self._counters = counters
        self._begin()

    def _begin(self) -> None:
        self._wake = threading.Event()
        self._moved = threading.Condition()
        self._thread: threading.Thread | None = None
        self._sender: _Sender | None = None
        self._failures = 0
        self._unopened = 0
        self._not_before = 0.0
        """Monotonic time before which the collector asked to be left alone."""
        self._stopping = False
        self._refused = False
        self._look = True
        """Whether to look for what dead processes left, after sending our own."""

    def nudge(self) -> None:
        """There may be something new to send; starts the thread if there is."""
        if self._thread is None and self._spool.end_position() > Position():
            self._thread = threading.Thread(target=self._work, name="forkpoint-send", daemon=True)
            try:
                self._thread.start()
            except RuntimeError:  # the interpreter is shutting down: the spool stays on disk
                self._counters.add("thread_not_started")

    def flush(self, deadline: float) -> bool:
        """Wait until all is acknowledged; gives up at the deadline, or when an attempt fails."""
        self.nudge()
        if self._thread is None:
            return True
        with self._moved:
            failures = self._failures
            self._look = True
            self._wake.set()
            while self._look or not self._is_done():
                left = deadline - time.monotonic()
                if left <= 0 or self._refused or self._failures > failures:
                    return False
                if self._not_before > deadline:
                    return False
                self._moved.wait(left)
        return True

    def stop(self) -> None:
        """Send no more."""
        self._stopping = True
        self._wake.set()
        thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(0.5)
        if self._is_done() and self._sender is not None:
            self._spool.close()
            remove_spool(self._spool.folder)

    def renewed(self) -> SpoolUplink:
        """One like it for a forked child."""
        return SpoolUplink(self._spool, self._settings, self._counters)

    def _is_done(self) -> bool:
        sender = self._sender
        return sender is not None and sender.position >= self._spool.end_position()

    def _work(self) -> None:
        transport = cast("_Transport", importlib.import_module("forkpoint.capture.sending"))
        own = transport.http_sender(self._spool.folder, self._settings, self._counters)
        self._sender = own
        adopt_at = 0.0
        while not self._stopping:
            asked = self._not_before - time.monotonic()
            if asked > 0:
                self._wake.wait(asked)
                self._wake.clear()
                continue
            wait, _ = self._pump(own)
            now = time.monotonic()
            if self._failures == 0 and not self._refused and (self._look or now >= adopt_at):
                adopt_at = now + ADOPT_S
                self._adopt(transport)
                self._look = False
                with self._moved:
                    self._moved.notify_all()
            self._wake.wait(wait)
            self._wake.clear()

    def _pump(self, sender: _Sender) -> tuple[float, bool]:
        """Send all there is; seconds to wait before the next try, and whether nothing is left."""
        if self._refused:
            return LONGEST_WAIT_S, False
        wait = BATCH_S
        failed = complete = False
        try:
            while sender.pump() and not self._stopping:
                self._tell(failed=False)
            complete = not self._stopping
            self._unopened = 0
        except NotOpenYet:
            self._unopened += 1
            bound = min(LONGEST_OPEN_S, BATCH_S / 2 * 2 ** min(self._unopened, 10))
            wait = random.uniform(bound / 2, bound)
        except Unavailable as error:
            failed = True
            wait = self._backoff(error)
        except TransportError as error:
            failed = self._refused = True
            self._counters.add("sending_refused")
            _log.warning("sending_stopped reason=%s spool=%s", error.message, self._spool.folder)
        except Exception:  # the thread must live; the spool keeps everything
            failed = True
            wait = LONGEST_WAIT_S
            self._counters.add("internal_errors")
        self._tell(failed=failed)
        return wait, complete

    def _tell(self, *, failed: bool) -> None:
        with self._moved:
            self._failures = self._failures + 1 if failed else 0
            self._moved.notify_all()

    def _backoff(self, error: Unavailable) -> float:
        """Full jitter (an even draw up to the bound), but never sooner than the collector asked."""
        self._counters.add("sending_failed")
        bound = min(LONGEST_WAIT_S, FIRST_WAIT_S * 2 ** min(self._failures, 10))
        asked = error.details.get("retry_after_s")
        least = float(asked) if isinstance(asked, int | float) else 0.0
        least = min(least, LONGEST_ASKED_S)
        self._not_before = time.monotonic() + least if least else 0.0
        return max(least, random.uniform(0.0, bound))

    def _adopt(self, transport: _Transport) -> None:
        """Send what processes left that are gone; a lock tells them from living ones."""
        parent = self._spool.folder.parent
        for folder in sorted(parent.iterdir()) if parent.is_dir() else ():
            if folder == self._spool.folder or self._stopping or not _is_orphan(folder):
                _sweep(folder)
                continue
            with locked(folder) as mine:
                if not mine:
                    continue
                sender = transport.http_sender(folder, self._settings, self._counters)
                sender.resume()
                if _is_stale(folder):
                    sender.patience = 0
                _, complete = self._pump(sender)
                if self._failures or self._refused:
                    return
                if not complete:  # the process that opens its run has not sent that yet
                    continue
                self._counters.add("spools_adopted")
                remove_spool(folder)


@contextmanager
def locked(folder: Path) -> Generator[bool, None, None]:
    """Hold the lock of a spool folder if its process is gone."""
    try:
        descriptor = os.open(folder / LOCK, os.O_RDWR)
    except OSError:
        yield False
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        yield False
        return
    try:
        yield True
    finally:
        os.close(descriptor)


def remove_spool(folder: Path) -> None:
    """Delete a spool of which everything was acknowledged."""
    for path in [*folder.glob("*.seg"), folder / "acked", folder / LOCK]:
        path.unlink(missing_ok=True)
    try:
        folder.rmdir()
    except OSError:  # something else is in it; leave that alone
        return


def _sweep(folder: Path) -> None:
    """Take away an empty folder whose sender was killed while it removed the spool."""
    with suppress(OSError):
        if not (folder / LOCK).exists() and time.time() - folder.stat().st_mtime > YOUNG_S:
            folder.rmdir()


def _is_stale(folder: Path) -> bool:
    written = [path.stat().st_mtime for path in folder.glob("*.seg")]
    return not written or time.time() - max(written) > STALE_S


def _is_orphan(folder: Path) -> bool:
    if not (folder / LOCK).exists():
        return False
    if next(SpoolReader(folder).folder.glob("*.seg"), None) is not None:
        return True
    return time.time() - folder.stat().st_mtime > YOUNG_S
