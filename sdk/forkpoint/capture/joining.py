"""Other processes of a run: forked children, and programs it starts (`pools.py`: all the others).

A program finds `FORKPOINT_CONTEXT` in its environment: run, strand, writer, open step and, in a
replay, the file in which all processes say what they used up. Its first run joins that run.
"""

from __future__ import annotations

import functools
import os
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, cast

from forkpoint.capture.strands import Frame, current, strand_frame, target_name
from forkpoint.errors import UsageError

VARIABLE = "FORKPOINT_CONTEXT"
ARRIVAL = "_forkpoint_arrival"
"""Attribute of a `Process` that is being started anew, and joins its run by itself."""
_NONE = "-"
_ALONE = 1 << 30
"""Writer numbers from here on are chosen by chance, where nobody counts the processes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """Where a joining process stands in its run."""

    run: str
    strand: str
    writer: int
    step: str | None
    shared: str | None
    by: int = 0
    """Writer that began the open step: its id depends on it."""

    def text(self) -> str:
        """As the environment carries it."""
        return " ".join(
            (
                *(self.run, self.strand, str(self.writer)),
                *(self.step or _NONE, self.shared or _NONE, str(self.by)),
            )
        )

    @classmethod
    def read(cls, text: str) -> Context:
        """Raises `UsageError` for what is no context."""
        parts = text.split(" ")
        if len(parts) != 6 or not (parts[2].isdigit() and parts[5].isdigit()):
            raise UsageError(f"{VARIABLE} is set by forkpoint, not to {text[:80]!r}")
        run, strand, writer, step, shared, by = parts
        return cls(
            run=run,
            strand=strand,
            writer=int(writer),
            step=None if step == _NONE else step,
            shared=None if shared == _NONE else shared,
            by=int(by),
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
        by=run.writer.number,
    )


def any_writer() -> int:
    """A number that no other process of the run has: one of 2^30, by chance."""
    return _ALONE + int.from_bytes(os.urandom(4), "big") % _ALONE


def frame_now() -> Frame | None:
    """The frame of this context, while its run goes on."""
    frame = current.get()
    return None if frame is None or frame.run.over else frame


def patch(flush: Callable[[], object]) -> None:
    """Follow processes; `flush` is called where one ends that runs no exit handlers."""
    _patch_programs()
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
        frame = frame_now()
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
