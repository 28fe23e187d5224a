"""Runs: one execution of an agent, from `with forkpoint.run(...)` to its end."""

from __future__ import annotations

import mimetypes
import os
import threading
from collections import Counter
from collections.abc import Mapping
from contextvars import Token
from pathlib import Path
from time import time_ns
from types import TracebackType
from typing import cast

import orjson

from forkpoint.capture import tracing
from forkpoint.capture.failures import class_name, describe, is_cancellation
from forkpoint.capture.files import hold
from forkpoint.capture.held import HeldBytes
from forkpoint.capture.items import (
    Item,
    Noted,
    Payload,
    RunBegun,
    RunOver,
    StepBegun,
    StepOver,
    Withheld,
)
from forkpoint.capture.payloads import Payloads
from forkpoint.capture.recorder import Recorder
from forkpoint.capture.recorder import apply as write_now
from forkpoint.capture.shared import SharedFile
from forkpoint.capture.snapshots import taken
from forkpoint.capture.strands import Frame, Scope, current
from forkpoint.capture.surroundings import surroundings
from forkpoint.capture.writer import RunWriter
from forkpoint.events.ids import RunId
from forkpoint.events.kinds import RunStatus
from forkpoint.events.model import OtelLink
from forkpoint.replay.identity import ROOT_STRAND
from forkpoint.replay.interception import Interceptor, ReplayResult

_FORK_DIGIT = 64
_MOST_FORKS = _FORK_DIGIT - 1


class Run:
    """The run in progress. `attributes` may be changed until it ends."""

    def __init__(
        self,
        recorder: Recorder,
        *,
        run_id: RunId,
        name: str,
        tags: tuple[str, ...] = (),
        attributes: Mapping[str, object] | None = None,
        interceptor: Interceptor | None = None,
        report: Path | None = None,
        blind: tuple[str, ...] = (),
        traceparent: str | None = None,
    ) -> None:
        self.id: str = run_id
        self.name = name
        self.tags = tags
        self.attributes = dict(attributes or {})
        self.recorder = recorder
        self.interceptor = interceptor
        self.over = False
        self.traced = False
        """Whether a span of OpenTelemetry is being recorded around it."""
        self.result: ReplayResult | None = None
        """What a replay came to, once the run is over."""
        redactor = recorder.redactor_for(run_id)
        shared = recorder.cache if redactor is recorder.redactor else None
        self.writer = RunWriter(
            run_id=run_id,
            sink=recorder.sink,
            payloads=Payloads(redactor, recorder.sink.block, cache=shared),
            redactor=redactor,
        )
        self._report = report
        self._blind = blind
        self._traceparent = traceparent
        self._output: Payload | None = None
        self._opening: Payload | None = None
        self._surroundings: Payload | None = None
        self._lost = 0
        self._lost_steps: set[str] = set()
        self._lost_lock = threading.Lock()
        self._forks = 0
        self._sleeps: Counter[str] = Counter()
        self._shared: SharedFile | None = None
        self.shown = False
        """Whether somebody may see already that it began."""
        self._environ_before: dict[str, str | None] = {}

    def set_output(self, value: object) -> None:
        """Record what the run came to; the last call counts."""
        self._output = taken(value)

    def announce(self, key: str) -> None:
        """Write the key of a step that begins on the span around it, if one is being recorded."""
        if self.traced:
            tracing.mark_step(key)

    def submit(self, item: Item) -> None:
        """Record a fact: queued, or written at once in a replay."""
        if self.interceptor is None:
            self.recorder.submit(self, item)
        else:
            write_now(self, item)

    def begin(self) -> Frame:
        """Open the run; the frame its code runs in."""
        self.recorder.runs.add(self)
        if self.attributes:
            self._opening = taken(self.attributes)
        settings = self.recorder.settings
        if settings.draws:
            self._surroundings = taken(surroundings(settings.variables))
        if self.interceptor is not None:
            self.recorder.attend()
            for body in self.interceptor.blocks.blocks.values():
                self.writer.sink.block(body)
        self.submit(
            RunBegun(
                name=self.name,
                time_ns=time_ns(),
                tags=self.tags,
                attributes=self._opening,
                code_version=settings.code_version,
                environment=self._surroundings,
                otel=self._meet_trace(),
                origin=None if self.interceptor is None else self.interceptor.origin,
            )
        )
        for library in self._blind:
            payload = taken({"library": library})
            self.submit(
                Noted(name="capture_blind", time_ns=time_ns(), role="attributes", payload=payload)
            )
        return Frame(self, Scope(ROOT_STRAND, ROOT_STRAND), None)

    def _meet_trace(self) -> OtelLink | None:
        """Find the span around, and mark it. A replay is no part of the trace it happens in."""
        if self.interceptor is not None:
            return None
        settings = self.recorder.settings
        try:
            self.traced = tracing.mark_run(self.id, settings.url)
            return tracing.found_link(self._traceparent, settings.environment)
        except Exception:  # another library's code: the run goes on without the link
            self.recorder.counters.add("internal_errors")
            return None

    def finish(self, error: BaseException | None) -> None:
        """Close the run."""
        if self.over:
            return
        self.over = True
        for name, value in self._environ_before.items():
            _set_variable(name, value)
        status = status_of(error)
        failed = error is not None and status is RunStatus.ERROR
        closing = taken(self.attributes) if self.attributes else None
        over = RunOver(
            status=status,
            time_ns=time_ns(),
            output=self._output,
            error=taken(describe(error)) if error is not None and failed else None,
            error_class=class_name(error) if error is not None and failed else None,
            attributes=None if closing == self._opening else closing,
        )
        if self.interceptor is None:
            self.recorder.submit(self, over)
        else:
            self._finish_replay(self.interceptor, over)
        self.recorder.runs.discard(self)

    def lose(self, item: Item) -> None:
        """Count a fact that could not be kept; the end of a lost step is lost with it."""
        if isinstance(item, StepBegun):
            self._lost_steps.add(item.key)
        with self._lost_lock:
            self._lost += 1
        self.recorder.counters.add("events_lost")

    def take_lost(self) -> int:
        """How many facts were lost since the last time; they are now accounted for."""
        if not self._lost:
            return 0
        with self._lost_lock:
            lost, self._lost = self._lost, 0
        return lost

    def was_lost(self, over: StepOver) -> bool:
        """Whether the beginning of this step was lost, so that its end must not be written."""
        return over.key in self._lost_steps

    def attach(
        self, name: str, data: bytes | Path, *, step: str | None, media_type: str | None
    ) -> None:
        """Hang a file on an open step, or on the run where none is open."""
        held = hold(data, most=self.recorder.settings.file_bytes)
        self.submit(
            Noted(
                name="file",
                time_ns=time_ns(),
                size=held.size if isinstance(held, HeldBytes) else 0,
                key=step,
                role=f"file.{name}",
                payload=held,
                media_type=media_type or mimetypes.guess_type(name)[0],
            )
        )

    def change_environment(self, variables: Mapping[str, str | None]) -> None:
        """Set environment variables until the run is over, as an edit of its replay asks for."""
        for name, value in variables.items():
            self._environ_before.setdefault(name, os.environ.get(name))
            _set_variable(name, value)

    def count_sleep(self, scope: str) -> int:
        """The number of a sleep that begins in a scope: 0, 1, 2, ..."""
        self._sleeps[scope] += 1
        return self._sleeps[scope] - 1

    def shared_file(self) -> SharedFile | None:
        """Where the processes of a replay say what they used up; None in a recording."""
        if self.interceptor is not None and self._shared is None:
            self._shared = SharedFile.made()
        return self._shared

    def join(self, strand: str, shared: SharedFile | None) -> None:
        """In another process than the one that began the run: tell that one."""
        self._shared = shared
        if self.interceptor is not None and shared is not None:
            self.interceptor.join(strand, shared.tell)

    def finish_joined(self) -> None:
        """This process has done its part of a run that another began, and ends it not."""
        self.over = True
        with self.writer.lock:
            self.writer.finish_joined(time_ns())
        self.recorder.runs.discard(self)
        self.recorder.drain()

    def next_fork(self) -> int:
        """The writer number of the next forked child: unique among all processes of the run.

        Numbers are written in base 64, a child's being its parent's with one digit more.
        """
        self._forks += 1
        number = self.writer.number * _FORK_DIGIT + self._forks
        if self._forks > _MOST_FORKS or number >= 1 << 30:
            return (1 << 30) + (time_ns() // 1000) % (1 << 30)
        return number

    def continue_in_child(self, number: int, *, inside: str | None) -> None:
        """Go on recording in a forked child."""
        self._lost_lock = threading.Lock()
        self._forks = 0
        self.writer.continue_as(number, inside=inside)

    def _finish_replay(self, interceptor: Interceptor, over: RunOver) -> None:
        """Ask what the replay came to and write it with the end of the run."""
        if self._shared is not None:
            interceptor.absorb(self._shared.taken())
        with self.writer.lock:
            record = self.writer.end_run(over)
            root = next((ref.root for ref in record.artifacts if ref.role == "output"), None)
            self.result = interceptor.finish(
                status=over.status.value,
                output=root,
                code_version=self.recorder.settings.code_version,
                environment=self._where(),
            )
            self.writer.sink.end(self.writer.with_result(record, self.result))
        if self._report is not None:
            self._report.write_bytes(orjson.dumps(self.result.report))
        self.recorder.drain()

    def _where(self) -> Mapping[str, object] | None:
        """Where this run happens, redacted."""
        payload = self._surroundings
        if payload is None or isinstance(payload, Withheld):
            return None
        value = self.writer.payloads.redacted(payload)
        return cast("Mapping[str, object]", value) if isinstance(value, Mapping) else None


def _set_variable(name: str, value: str | None) -> None:
    if value is None:
        os.environ.pop(name, None)
    else:
        os.environ[name] = value


class RunContext:
    """`with` or `async with` around the code of a run."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._token: Token[Frame | None] | None = None

    def __enter__(self) -> Run:
        self._token = current.set(self._run.begin())
        return self._run

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._token is not None:
            leave(self._token)
        self._run.finish(error)

    async def __aenter__(self) -> Run:
        return self.__enter__()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.__exit__(kind, error, trace)


def leave(token: Token[Frame | None]) -> None:
    """Put the former frame back, also where another context ends what this one began."""
    try:
        current.reset(token)
    except ValueError:
        current.set(None)


def status_of(error: BaseException | None) -> RunStatus:
    """How a run ended, from what left its block: a clean `sys.exit()` is no error."""
    if error is None or (isinstance(error, SystemExit) and not error.code):
        return RunStatus.OK
    if is_cancellation(error):
        return RunStatus.CANCELLED
    return RunStatus.ERROR
