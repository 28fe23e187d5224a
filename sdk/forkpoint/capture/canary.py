"""Tells whether a client library's calls are seen: a run that goes nowhere, and what it saw."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from time import time_ns

from forkpoint.capture.recorder import Recorder
from forkpoint.capture.runs import Run, leave
from forkpoint.capture.strands import current
from forkpoint.errors import RedactionError
from forkpoint.events.ids import run_id
from forkpoint.events.kinds import Kind
from forkpoint.events.model import Event, RunEnd, RunStart, StepStarted
from forkpoint.redact.engine import Redactor
from forkpoint.settings import Settings


class KindSink:
    """A `Sink` that keeps the kinds of the steps it is given and nothing else."""

    def __init__(self) -> None:
        self.kinds: list[Kind] = []

    def start(self, record: RunStart, blocks: Sequence[bytes]) -> None:
        """Forget it."""

    def block(self, body: bytes) -> None:
        """Forget it."""

    def event(self, event: Event) -> None:
        """Keep the kind of a step."""
        if isinstance(event, StepStarted):
            self.kinds.append(event.kind)

    def end(self, record: RunEnd) -> None:
        """Forget it."""

    def flush(self) -> None:
        """Nothing waits."""

    def failing(self) -> bool:
        """Never."""
        return False

    def room(self) -> int:
        """Always some."""
        return 1 << 30

    def close(self) -> None:
        """Nothing is open."""

    def renew(self) -> None:
        """Nothing is shared."""


def kinds_seen(action: Callable[[], object]) -> list[Kind]:
    """Kinds of the steps an action leaves; its own errors mean none after them."""
    sink = KindSink()
    recorder = Recorder(Settings(), sink, _no_key, background=False)
    run = Run(recorder, run_id=run_id(time_ns(), os.urandom(10)), name="canary")
    token = current.set(run.begin())
    try:
        action()
    except Exception:  # a library that refuses the canary is not seen
        return []
    finally:
        leave(token)
        run.finish(None)
        recorder.drain()
    return sink.kinds


def _no_key(_run_id: str | None) -> Redactor:
    raise RedactionError("the canary has no key", code="key_missing")
