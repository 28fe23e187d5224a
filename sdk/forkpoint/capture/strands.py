"""Where a call stands in the program: scopes count calls, and strands are spawned in them.

A scope is a strand or an open step. Its counters never depend on scheduling as long as one thread
or task at a time works in it; where several do, their calls are marked contended.
"""

from __future__ import annotations

import functools
import re
import sys
import threading
from asyncio import current_task, events
from contextvars import ContextVar
from typing import TYPE_CHECKING

from forkpoint.replay import identity

if TYPE_CHECKING:
    from forkpoint.capture.runs import Run

running_loop = events._get_running_loop  # pyright: ignore[reportPrivateUsage]
"""The running event loop or None; the public function raises instead, which costs 1 us."""
_MACHINERY = frozenset(
    (
        "asyncio.events",
        "asyncio.runners",
        "asyncio.tasks",
        "concurrent.futures.thread",
        "contextlib",
        "forkpoint.capture.spawn",
        "threading",
    )
)
_SURELY_SHORT = identity.PATH_LIMIT // 4
"""Characters that never take more than `PATH_LIMIT` bytes."""
_USER_KEY = re.compile(r"[^A-Za-z0-9_-]")


class Scope:
    """Counts the calls started, and the strands spawned, in one strand or open step."""

    __slots__ = ("_lock", "_open", "_spawned", "_stem", "calls", "drawn", "strand", "text")

    def __init__(self, text: str, strand: str) -> None:
        self.text = text if len(text) <= _SURELY_SHORT else identity.shortened(text)
        self.strand = strand
        self.calls = 0
        self.drawn = 0
        """Values drawn in it and kept."""
        self._stem = identity.call_key(self.text, 0)[:-1]
        self._open: list[int] = []
        self._spawned: dict[str, int] | None = None
        self._lock = threading.Lock()

    def begin(self) -> tuple[str, bool, int]:
        """Key of the next call, whether it is contended, and the mark `end` wants back."""
        mark = worker()
        contended = False
        with self._lock:
            count = self.calls
            self.calls = count + 1
            if self._open:
                contended = self._open.count(mark) < len(self._open)
            self._open.append(mark)
        return f"{self._stem}{count}", contended, mark

    def end(self, mark: int) -> None:
        """One call of this scope, begun under `mark`, is over."""
        with self._lock:
            if mark in self._open:
                self._open.remove(mark)

    def spawn(self, name: str) -> str:
        """Path of a strand that is spawned here now, for a target called `name`."""
        with self._lock:
            stem = f"{self.calls}.{identity.label(name)}"
            repeat = self._count(stem)
            count = self.calls
        return identity.child_strand(self.text, count=count, name=name, repeat=repeat)

    def named(self, name: str, key: str | None) -> str:
        """Path of a strand the user names, so that spawn order does not matter."""
        stem = f"!{identity.label(name)}"
        if key is not None:
            stem += f":{_USER_KEY.sub('_', key)[: identity.LABEL_LIMIT]}"
        with self._lock:
            repeat = self._count(stem)
        return f"{self.text}/{stem}" + (f".{repeat}" if repeat else "")

    def _count(self, stem: str) -> int:
        spawned = self._spawned
        if spawned is None:
            spawned = self._spawned = {}
        repeat = spawned.get(stem, 0)
        spawned[stem] = repeat + 1
        return repeat


class Frame:
    """What the code running now belongs to: its run, the scope its calls count in, its step.

    Never changed, but that the scope of a step is made when something first happens in it: most
    calls hold no others. Not a frozen dataclass: one is made for each call, and those take 1 us.
    """

    __slots__ = ("_scope", "_strand", "run", "step")

    def __init__(self, run: Run, scope: Scope | str, step: str | None) -> None:
        """`scope` is a strand's, or for that of the step itself the name of the strand it is on."""
        self.run = run
        self.step = step
        """Key of the open step."""
        if isinstance(scope, str):
            self._strand = scope
            self._scope: Scope | None = None
        else:
            self._strand = scope.strand
            self._scope = scope

    @property
    def opaque(self) -> bool:
        """Whether it is in the body of a step that a replay serves whole: it does not run there."""
        return False

    @property
    def scope(self) -> Scope:
        """Where the calls and spawns of this frame are counted."""
        found = self._scope
        if found is None:
            made = Scope(self.step or self._strand, self._strand)
            with _first.lock:
                found = self._scope = self._scope or made
        return found


class Inner(Frame):
    """The frame of a strand spawned inside a step that a replay serves whole."""

    __slots__ = ()

    @property
    def opaque(self) -> bool:
        """Always."""
        return True


class _First:
    """Decides between two threads that make the scope of one step at once."""

    def __init__(self) -> None:
        self.lock = threading.Lock()


_first = _First()


def renew_locks() -> None:
    """In a forked child: another thread may have held a lock when it was copied."""
    _first.lock = threading.Lock()


current: ContextVar[Frame | None] = ContextVar("forkpoint_frame", default=None)
"""The frame of this context; None outside any run."""


def worker() -> int:
    """A number for the thread or task that runs now; equal for two calls of the same one."""
    if running_loop() is not None and (task := current_task()) is not None:
        return id(task)
    return threading.get_ident()


def strand_frame(frame: Frame, path: str) -> Frame:
    """The frame a new strand starts with: its calls are children of the step it came from."""
    kind = Inner if frame.opaque else Frame
    return kind(frame.run, Scope(path, path), frame.step)


def target_name(target: object) -> str:
    """The bare name of a spawn target: partials, bound methods and wrappers taken off."""
    for _ in range(16):
        inner = _unwrapped(target)
        if inner is None:
            break
        target = inner
    return str(getattr(target, "__name__", ""))


def _unwrapped(target: object) -> object | None:
    if isinstance(target, functools.partial):
        return target.func  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
    bound = getattr(target, "__func__", None)
    return bound if bound is not None else getattr(target, "__wrapped__", None)


def site(depth: int) -> str | None:
    """`module:qualified.name` of the function `depth` frames above the caller; no line number.

    None where that is the machinery of tasks and threads, which says nothing about the program, and
    where there is no such function: a greenlet's first one has no caller.
    """
    try:
        frame = sys._getframe(depth + 1)  # pyright: ignore[reportPrivateUsage]
    except ValueError:
        return None
    place = frame.f_globals.get("__name__", "?"), frame.f_code.co_qualname
    found = _sites.get(place, "")
    if found != "":
        return found
    if len(_sites) >= _SITES:
        _sites.clear()
    module, name = place
    known = _sites[place] = None if module in _MACHINERY else f"{module}:{name}"[:512]
    return known


_sites: dict[tuple[str, str], str | None] = {}
_SITES = 4096
