"""Replays in this process: the next run is answered by a recording instead of the world."""

from __future__ import annotations

import importlib
import threading
import uuid
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, cast

from forkpoint.capture import process
from forkpoint.capture.guards import Guard, lower_guard, raise_guard
from forkpoint.errors import ReplayError
from forkpoint.replay.interception import Interceptor, ReplayResult

if TYPE_CHECKING:
    from forkpoint.capture.runs import Run
    from forkpoint.redact.engine import Redactor
    from forkpoint.replay.recording import Recording
    from forkpoint.replay.spec import ReplaySpec


@dataclass(slots=True, kw_only=True)
class Replay:
    """A replay that waits for its run, is running or is over."""

    interceptor: Interceptor
    guard: Guard
    report: Path | None = None
    whole_process: bool = False
    """Whether the guard stays up when the run is over: all the process does is part of a replay."""
    run: Run | None = None

    def begin(self, run: Run) -> None:
        """The run begins: from now on nothing leaves this process unless the policy lets it."""
        self.run = run
        with suppress(RuntimeError):  # another guard is up already, and refuses as much
            raise_guard(self.guard)

    def end(self) -> None:
        """The run is over."""
        if not self.whole_process:
            lower_guard(self.guard)

    @property
    def result(self) -> ReplayResult | None:
        """Verdict and report, once the run is over."""
        return None if self.run is None else self.run.result


class Waiting:
    """The replay the next run takes, and whether the environment was looked at."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.replay: Replay | None = None
        self.asked = False


_waiting = Waiting()


def pending() -> Replay | None:
    """The replay for a run that begins now; each is given out once.

    The first run of a process with `FORKPOINT_REPLAY` is that replay. Raises `ReplayError` or
    `BundleError` when it cannot be loaded: going on would call the world.
    """
    with _waiting.lock:
        replay, _waiting.replay = _waiting.replay, None
        if replay is not None or _waiting.asked:
            return replay
        _waiting.asked = True
        settings = process.settings()
        if settings.replay is None:
            return None
        return _made(settings.replay, _spec_bytes(settings.replay_spec), whole_process=True)


def arm() -> Replay | None:
    """Load the replay this process is for, and put its guard up before any run begins.

    Raises as `pending` does; None where nothing is to be replayed.
    """
    replay = pending()
    if replay is not None:
        raise_guard(replay.guard)
        with _waiting.lock:
            _waiting.replay = replay
    return replay


@contextmanager
def replaying(
    recording: Recording | Path | str, spec: ReplaySpec | Mapping[str, object] | None = None
) -> Generator[Replay, None, None]:
    """Answer the next `forkpoint.run()` in this block from a recording or a bundle file."""
    replay = _made(recording, _with_session({}) if spec is None else _with_session(spec))
    with _waiting.lock:
        if _waiting.replay is not None:
            raise ReplayError("another replay is waiting for its run", code="replay_failed")
        _waiting.replay = replay
    try:
        yield replay
    finally:
        with _waiting.lock:
            if _waiting.replay is replay:
                _waiting.replay = None


class _Session(Interceptor, Protocol):
    @property
    def spec(self) -> ReplaySpec: ...


class _Loading(Protocol):
    """The module that knows the replay engine; most processes never need it."""

    def guard_of(self, session: _Session, collector: str | None) -> Guard: ...

    def session_of(
        self,
        recording: object,
        spec: object,
        *,
        redactor: Redactor | None,
        resolvers: Sequence[str],
    ) -> _Session: ...


def _made(recording: object, spec: object, *, whole_process: bool = False) -> Replay:
    loading = cast("_Loading", importlib.import_module("forkpoint.capture.loading"))
    recorder = process.recorder()
    session = loading.session_of(
        recording, spec, redactor=recorder.redactor, resolvers=process.settings().resolvers
    )
    report = session.spec.report
    url = recorder.settings.url if recorder.uplink is not None else None
    return Replay(
        interceptor=session,
        guard=loading.guard_of(session, url),
        report=None if report is None else Path(report),
        whole_process=whole_process,
    )


def _spec_bytes(path: Path | None) -> object:
    if path is None:
        return _with_session({})
    try:
        return path.read_bytes()
    except OSError as error:
        raise ReplayError(f"cannot read {path}: {error.strerror}", code="policy_invalid") from error


def _with_session(spec: object) -> object:
    if isinstance(spec, Mapping):
        return {"session": str(uuid.uuid4()), **cast("Mapping[str, object]", spec)}
    return spec
