"""Other processes of a run: forked children, workers of process pools, programs it starts.

A program finds `FORKPOINT_CONTEXT` in its environment: run, strand, writer, open step and, in a
replay, the file in which all processes say what they used up. Its first run joins that run.
"""

from __future__ import annotations

import functools
import os
import subprocess
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, cast

from forkpoint.capture.strands import Frame, Scope, current, strand_frame, target_name
from forkpoint.errors import UsageError

VARIABLE = "FORKPOINT_CONTEXT"
_NONE = "-"


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """Where a joining process stands in its run."""

    run: str
    strand: str
    writer: int
    step: str | None
    shared: str | None

    def text(self) -> str:
        """As the environment carries it."""
        return " ".join(
            (self.run, self.strand, str(self.writer), self.step or _NONE, self.shared or _NONE)
        )

    @classmethod
    def read(cls, text: str) -> Context:
        """Raises `UsageError` for what is no context."""
        parts = text.split(" ")
        if len(parts) != 5 or not parts[2].isdigit():
            raise UsageError(f"{VARIABLE} is set by forkpoint, not to {text[:80]!r}")
        run, strand, writer, step, shared = parts
        return cls(
            run=run,
            strand=strand,
            writer=int(writer),
            step=None if step == _NONE else step,
            shared=None if shared == _NONE else shared,
        )


def take_context(text: str | None) -> Context | None:
    """What this process joins; given once, to its first run."""
    if text is None or _taken:
        return None
    _taken.append(text)
    return Context.read(text)


_taken: list[str] = []


def context_for(frame: Frame, path: str, *, writer: int) -> Context:
    """The context of a process that runs the strand `path`, spawned in `frame` now."""
    run = frame.run
    shared = run.shared_file()
    if run.interceptor is not None:
        run.interceptor.delegate(path)
    return Context(
        run=run.id,
        strand=path,
        writer=writer,
        step=frame.step,
        shared=None if shared is None else shared.path,
    )


class InWorker:
    """A callable for a worker process, run on the strand it was handed over with."""

    def __init__(self, function: Callable[..., Any], context: Context) -> None:
        self._function = function
        self._context = context

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run it, in a worker that was forked from the process of the run; else as it is."""
        frame, context = current.get(), self._context
        if frame is None or frame.run.id != context.run:
            return self._function(*args, **kwargs)
        scope = Scope(context.strand, context.strand)
        token = current.set(Frame(frame.run, scope, context.step))
        try:
            return self._function(*args, **kwargs)
        finally:
            current.reset(token)
            frame.run.recorder.drain()


def _frame() -> Frame | None:
    frame = current.get()
    return None if frame is None or frame.run.over else frame


def patch(flush: Callable[[], object]) -> None:
    """Follow processes; `flush` is called where one ends that runs no exit handlers."""
    _patch_programs()
    _patch_pools()
    _name_processes()
    bootstrap = cast("Any", BaseProcess)._bootstrap

    @functools.wraps(bootstrap)
    def flushed(self: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            return bootstrap(self, *args, **kwargs)
        finally:
            flush()

    cast("Any", BaseProcess)._bootstrap = flushed


def _patch_programs() -> None:
    stock = subprocess.Popen.__init__

    @functools.wraps(stock)
    def start(self: Any, args: Any, *more: Any, **options: Any) -> None:
        frame = _frame()
        if frame is not None and len(more) < _ENV_PLACE:
            child = strand_frame(frame, frame.scope.spawn(_program_name(args)))
            environ = dict(cast("Mapping[str, str]", options.get("env") or os.environ))
            writer = frame.run.next_fork()
            environ[VARIABLE] = context_for(frame, child.scope.text, writer=writer).text()
            options["env"] = environ
        stock(self, args, *more, **options)

    subprocess.Popen.__init__ = start


def _program_name(args: Any) -> str:
    """What is started: a script of an interpreter by its own name, else the program by its."""
    given = cast("list[str]", [args] if isinstance(args, str | bytes | os.PathLike) else list(args))
    names = [Path(os.fsdecode(word).split(" ")[0]) for word in given[:2]]
    if len(names) > 1 and names[0].name.startswith("python") and names[1].suffix == ".py":
        return names[1].stem
    return names[0].stem if names else ""


_ENV_PLACE = 10
"""Positional arguments of `Popen` up to and with `env`, after the command."""


def _patch_pools() -> None:
    submit = ProcessPoolExecutor.submit

    @functools.wraps(submit)
    def submit_as_strand(self: Any, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        frame = _frame()
        if frame is None:
            return submit(self, fn, *args, **kwargs)
        context = context_for(frame, frame.scope.spawn(_work_name(fn)), writer=0)
        return submit(self, InWorker(fn, context), *args, **kwargs)

    ProcessPoolExecutor.submit = submit_as_strand  # pyright: ignore[reportAttributeAccessIssue]


def _work_name(fn: Callable[..., Any]) -> str:
    """The function a pool calls; `map` hands it over in chunks."""
    if isinstance(fn, functools.partial) and fn.func.__module__ == ProcessPoolExecutor.__module__:
        return target_name(fn.args[0])
    return target_name(cast("object", fn))


def process_name() -> str:
    """What a forked child is called: by the target of the `Process` that is being started."""
    return _starting[-1] if _starting else "fork"


_starting: list[str] = []


def _name_processes() -> None:
    """Remember the target of a `Process` while it is started."""
    start = BaseProcess.start

    @functools.wraps(start)
    def start_named(self: Any) -> None:
        target = getattr(self, "_target", None)
        _starting.append(target_name(target) if target is not None else type(self).__name__)
        try:
            start(self)
        finally:
            _starting.pop()

    BaseProcess.start = start_named
