"""Opening things from the outside: runs, agent scopes inside runs, named strands, attachments."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterable, Mapping
from contextlib import contextmanager
from contextvars import Token
from pathlib import Path
from time import time_ns
from types import TracebackType
from typing import Protocol

from forkpoint.capture import joining, pools, process, replaying, spawn
from forkpoint.capture.beginning import begin
from forkpoint.capture.calls import Call, Target
from forkpoint.capture.greenlets import follow_greenlets
from forkpoint.capture.making import join_run, make_run
from forkpoint.capture.runs import RunContext, leave
from forkpoint.capture.strands import Frame, current, site, strand_frame
from forkpoint.errors import UsageError
from forkpoint.events.ids import run_id
from forkpoint.events.kinds import Kind


class RunHandle(Protocol):
    """What `with forkpoint.run(...)` gives: the run, or the agent step of a run inside a run."""

    id: str
    attributes: dict[str, object]

    def set_output(self, value: object) -> None:
        """Record what it came to; the last call counts."""
        ...


class Opened:
    """`with` or `async with` around a run that is decided when the block is entered."""

    def __init__(
        self,
        name: str,
        tags: tuple[str, ...],
        attributes: Mapping[str, object],
        traceparent: str | None = None,
    ) -> None:
        self._name = name
        self._traceparent = traceparent
        self._tags = tags
        self._attributes = attributes
        self._context: RunContext | AgentScope | JoinedScope | None = None
        self._replay: replaying.Replay | None = None

    def __enter__(self) -> RunHandle:
        if process.disabled():
            return Unrecorded(dict(self._attributes))
        spawn.follow_loop()
        follow_greenlets()
        pools.install()
        frame = current.get()
        context = joining.take_context(process.settings().context)
        if frame is not None and not frame.run.over:
            self._context = AgentScope(frame, self._name, self._tags, self._attributes)
        elif context is not None:
            joined, self._replay = join_run(context, self._name)
            inside = AgentScope(joined, self._name, self._tags, self._attributes)
            self._context = JoinedScope(joined, inside)
        else:
            run, self._replay = make_run(
                self._name,
                tags=self._tags,
                attributes=self._attributes,
                traceparent=self._traceparent,
            )
            self._context = RunContext(run)
        return self._context.__enter__()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._context is not None:
            self._context.__exit__(kind, error, trace)
        if self._replay is not None:
            self._replay.end()

    async def __aenter__(self) -> RunHandle:
        return self.__enter__()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.__exit__(kind, error, trace)


class AgentScope:
    """A run inside a run: a step of kind `agent` of the outer one."""

    def __init__(
        self, frame: Frame, name: str, tags: tuple[str, ...], attributes: Mapping[str, object]
    ) -> None:
        self.id: str = frame.run.id
        self.attributes = dict(attributes)
        self._frame = frame
        self._name = name
        self._tags = tags
        self._output: object = None
        self._call: Call | None = None
        self._token: Token[Frame | None] | None = None

    def set_output(self, value: object) -> None:
        """Record what the scope came to."""
        self._output = value

    def __enter__(self) -> AgentScope:
        parts: dict[str, object] = {"input": {"attributes": self.attributes, "tags": self._tags}}
        target = Target(kind=Kind.AGENT, name=self._name)
        self._call = begin(self._frame, target, parts, site=site(2))
        if self._call is not None:
            self._token = current.set(self._call)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._token is not None:
            leave(self._token)
        if self._call is None:
            return
        if error is None:
            self._call.finish(self._output)
        else:
            self._call.fail(error)


class JoinedScope:
    """The part of a run that this process does; the run itself is another's to end."""

    def __init__(self, frame: Frame, inside: AgentScope) -> None:
        self._frame = frame
        self._inside = inside
        self._token: Token[Frame | None] | None = None

    def __enter__(self) -> AgentScope:
        self._token = current.set(self._frame)
        return self._inside.__enter__()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._inside.__exit__(kind, error, trace)
        if self._token is not None:
            leave(self._token)
        self._frame.run.finish_joined()


class Unrecorded:
    """The run of a process whose recording is switched off."""

    def __init__(self, attributes: dict[str, object]) -> None:
        self.id: str = run_id(time_ns(), os.urandom(10))
        self.attributes = attributes

    def set_output(self, value: object) -> None:
        """Do nothing."""


def run(
    name: str,
    *,
    tags: Iterable[str] = (),
    attributes: Mapping[str, object] | None = None,
    traceparent: str | None = None,
) -> Opened:
    """Record the code of a `with` (or `async with`) block as one run.

    `traceparent` (W3C Trace Context) names the trace it belongs to; by default the current span of
    OpenTelemetry, where the process uses it, else the environment's `TRACEPARENT`.
    """
    if not name:
        raise UsageError("a run needs a name")
    return Opened(name, tuple(tags), attributes or {}, traceparent)


@contextmanager
def strand(name: str, *, key: object = None) -> Generator[None, None, None]:
    """Name the strand of the calls in this block, where spawns come in no certain order."""
    frame = current.get()
    if frame is None:
        yield
        return
    path = frame.scope.named(name, None if key is None else str(key))
    token = current.set(strand_frame(frame, path))
    try:
        yield
    finally:
        leave(token)


def attach(
    name: str, content: bytes | str | os.PathLike[str], *, media_type: str | None = None
) -> None:
    """Hang a file on the current step, or on the run outside of any: bytes, or a path.

    A file is read in the background; one over `FORKPOINT_FILE_BYTES`, or one that is written to
    before it was read, is withheld with its size. Raises `OSError` for a path that is no file.
    """
    frame = current.get()
    if frame is None or frame.run.over:
        process.outside()
        return
    data = content if isinstance(content, bytes) else Path(content)
    frame.run.attach(name, data, step=frame.step, media_type=media_type)
