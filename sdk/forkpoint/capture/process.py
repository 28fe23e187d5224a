"""This process's recorder: made on first use, renewed after a fork, flushed at exit."""

from __future__ import annotations

import atexit
import logging
import os
import threading
from collections.abc import Generator
from contextlib import contextmanager
from time import time_ns

from forkpoint.capture import joining, sources, spawn
from forkpoint.capture.assembly import assembled
from forkpoint.capture.counters import Counters
from forkpoint.capture.rebinding import count_as_user_code
from forkpoint.capture.recorder import Recorder
from forkpoint.capture.strands import Frame, Scope, current, renew_locks
from forkpoint.settings import Settings

_log = logging.getLogger("forkpoint")
_lock = threading.Lock()
_recorder: Recorder | None = None
_settings: Settings | None = None
_outside = Counters()
_blind: set[str] = set()
_hooked = False
_forking: Frame | None = None
"""The frame a child that is being forked will go on with."""
_fork_numbers: dict[str, int] = {}


def settings() -> Settings:
    """The settings of this process; the environment is read once."""
    global _settings
    if _settings is None:
        _settings = Settings.from_environment(os.environ)
    return _settings


def disabled() -> bool:
    """Whether nothing is recorded; a recorder put in place counts more than the settings."""
    return (settings() if _recorder is None else _recorder.settings).disabled


def configure(given: Settings) -> None:
    """Use these settings for the runs to come."""
    global _settings
    close()
    _settings = given


def recorder() -> Recorder:
    """The recorder, made now if there is none."""
    global _recorder
    with _lock:
        if _recorder is None:
            _recorder = assembled(settings())
        _hook()
    return _recorder


@contextmanager
def configured(given: Settings) -> Generator[None]:
    """Record by these settings in this block; what was in place before goes on after it."""
    global _settings
    before, own = install(None), _settings
    _settings = given
    try:
        yield
    finally:
        close()
        _settings = own
        install(before)


def install(given: Recorder | None) -> Recorder | None:
    """Put another recorder in place (tests); returns the one before."""
    global _recorder
    with _lock:
        before, _recorder = _recorder, given
        _hook()
    return before


def outside() -> None:
    """Count a call made outside any run."""
    _outside.add("calls_outside_runs")


def mark_blind(library: str) -> None:
    """Remember that calls of this library are not seen: the runs to come say so."""
    _blind.add(library)


def blind() -> tuple[str, ...]:
    """Libraries whose calls are not seen."""
    return tuple(sorted(_blind))


def stats() -> dict[str, int]:
    """Counters of this process."""
    totals = _outside.read()
    if _recorder is not None:
        totals |= _recorder.counters.read()
    return totals


def flush(seconds: float | None = None) -> bool:
    """Write and send all that was recorded; False when the time was too short."""
    if _recorder is None:
        return True
    return _recorder.flush(settings().flush_s if seconds is None else seconds)


def close() -> None:
    """Flush and let go of the recorder; the next run makes a new one."""
    global _recorder
    with _lock:
        old, _recorder = _recorder, None
    if old is not None:
        old.flush(old.settings.flush_s)
        old.close()


def _at_exit() -> None:
    """Flush, close, and say in one line what was lost; what was only not sent stays spooled."""
    counters = None if _recorder is None else _recorder.counters
    close()
    lost = {} if counters is None else counters.losses()
    if lost:
        said = " ".join(f"{name}={count}" for name, count in lost.items())
        _log.warning("recording_incomplete %s", said)


def _hook() -> None:
    global _hooked
    if _hooked:
        return
    _hooked = True
    count_as_user_code(settings().user_modules)
    spawn.install()
    joining.patch(flush)
    if settings().draws:
        sources.install()
    atexit.register(_at_exit)
    os.register_at_fork(before=_before_fork, after_in_child=_in_child, after_in_parent=_in_parent)


def _before_fork() -> None:
    """Name the child's strand and number while its spawner still stands where it forks."""
    global _forking
    if _recorder is None:
        return
    for run in _recorder.runs:
        _fork_numbers[run.id] = run.next_fork()
    frame = current.get()
    if frame is not None and not frame.run.over:
        path = frame.scope.spawn(joining.process_name())
        frame.run.shared_file()
        _forking = Frame(frame.run, Scope(path, path), frame.step)


def _in_parent() -> None:
    global _forking
    child, _forking = _forking, None
    if child is not None and child.run.interceptor is not None:
        child.run.interceptor.delegate(child.scope.text)
    _fork_numbers.clear()


def _in_child() -> None:
    global _forking, _lock, _outside
    _lock = threading.Lock()
    renew_locks()
    _outside = Counters()
    numbers = dict(_fork_numbers)
    _fork_numbers.clear()
    child, _forking = _forking, None
    if _recorder is None:
        return
    _recorder.reset_after_fork()
    inside = None if child is None else child.step
    for run in _recorder.runs:
        run.continue_in_child(numbers.get(run.id, time_ns() % (1 << 30)), inside=inside)
    if child is not None:
        child.run.join(child.scope.text, child.run.shared_file())
        current.set(child)
