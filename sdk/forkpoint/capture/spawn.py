"""Follows work that is handed to tasks, threads and executors: each spawn gets its strand here.

The patches are put in once, when the first run begins, stay in, and do nothing outside a run. A
strand is named by its spawner at the moment of the spawn, never by when the work first runs.
"""

from __future__ import annotations

import asyncio
import contextvars
import functools
import threading
import weakref
from collections.abc import Callable, Coroutine, Generator, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, cast

from forkpoint.capture.strands import Frame, current, running_loop, strand_frame, target_name

_loops: weakref.WeakSet[asyncio.AbstractEventLoop] = weakref.WeakSet()
_installed = False
_install_lock = threading.Lock()
_POOL_MODULES = ("concurrent.futures.thread", "anyio._backends._asyncio", "forkpoint.capture")
_Coroutine = Coroutine[Any, Any, Any] | Generator[Any, None, Any]


def install() -> None:
    """Patch the spawn points of this process; a second call does nothing."""
    global _installed
    with _install_lock:
        if _installed:
            return
        _installed = True
        _patch_threads()
        _patch_executors()
        _patch_loops()


def follow_loop() -> None:
    """Give the running event loop, if any, the task factory that names strands."""
    loop = running_loop()
    if loop is not None and loop not in _loops:
        _follow(loop)


class Inside:
    """A callable that runs its target with the frame of a strand in place."""

    __slots__ = ("frame", "target")

    def __init__(self, frame: Frame, target: Callable[..., object]) -> None:
        self.frame = frame
        self.target = target

    def __call__(self, *args: object, **kwargs: object) -> object:
        """Run the target; its frame is gone again afterwards."""
        token = current.set(self.frame)
        try:
            return self.target(*args, **kwargs)
        finally:
            current.reset(token)


def _follow(loop: asyncio.AbstractEventLoop) -> None:
    _loops.add(loop)
    inner = loop.get_task_factory()

    def factory(
        loop: asyncio.AbstractEventLoop, coro: _Coroutine, **options: Any
    ) -> asyncio.Future[Any]:
        frame = current.get()
        if frame is None:
            return _make_task(inner, loop, coro, options)
        child = strand_frame(frame, frame.scope.spawn(target_name(coro)))
        context = cast("contextvars.Context | None", options.get("context"))
        if context is not None:
            context.run(current.set, child)
            return _make_task(inner, loop, coro, options)
        token = current.set(child)
        try:
            return _make_task(inner, loop, coro, options)
        finally:
            current.reset(token)

    loop.set_task_factory(factory)


def _make_task(
    inner: Callable[..., Any] | None,
    loop: asyncio.AbstractEventLoop,
    coro: _Coroutine,
    options: dict[str, Any],
) -> asyncio.Future[Any]:
    if inner is None:
        return asyncio.Task(cast("Coroutine[Any, Any, Any]", coro), loop=loop, **options)
    return cast("asyncio.Future[Any]", inner(loop, coro, **options))


def _patch_loops() -> None:
    new_event_loop = asyncio.events.new_event_loop
    as_completed = asyncio.as_completed

    @functools.wraps(new_event_loop)
    def followed_loop() -> asyncio.AbstractEventLoop:
        loop = new_event_loop()
        _follow(loop)
        return loop

    @functools.wraps(as_completed)
    def in_argument_order(fs: Iterable[Any], **options: Any) -> Any:
        if current.get() is not None:
            fs = [asyncio.ensure_future(one) for one in fs]
        return as_completed(fs, **options)

    asyncio.events.new_event_loop = followed_loop
    asyncio.new_event_loop = followed_loop
    asyncio.as_completed = in_argument_order
    asyncio.tasks.as_completed = in_argument_order
    follow_loop()


def _patch_executors() -> None:
    submit = ThreadPoolExecutor.submit

    @functools.wraps(submit)
    def submit_as_strand(self: Any, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        frame = current.get()
        if frame is None or _keeps_its_strand(fn):
            return submit(self, fn, *args, **kwargs)
        if args and _is_context_run(fn):
            child = strand_frame(frame, frame.scope.spawn(target_name(args[0])))
            return submit(self, fn, Inside(child, args[0]), *args[1:], **kwargs)
        child = strand_frame(frame, frame.scope.spawn(target_name(fn)))
        return submit(self, Inside(child, fn), *args, **kwargs)

    ThreadPoolExecutor.submit = submit_as_strand  # pyright: ignore[reportAttributeAccessIssue]


def _is_context_run(fn: object) -> bool:
    return isinstance(getattr(fn, "__self__", None), contextvars.Context)


def _keeps_its_strand(fn: object) -> bool:
    """`asyncio.to_thread` hands over `partial(context.run, function)`, and its caller waits."""
    return isinstance(fn, functools.partial) and _is_context_run(
        cast("functools.partial[object]", fn).func
    )


def _patch_threads() -> None:
    start = threading.Thread.start

    @functools.wraps(start)
    def start_as_strand(self: threading.Thread) -> None:
        frame = current.get()
        if frame is not None:
            target = _thread_target(self)
            if getattr(target, "__module__", "").startswith(_POOL_MODULES):
                return start(self)
            child = strand_frame(frame, frame.scope.spawn(target_name(target)))
            setattr(self, "run", Inside(child, self.run))  # noqa: B010 - typed as a method
        return start(self)

    threading.Thread.start = start_as_strand


def _thread_target(thread: threading.Thread) -> object:
    """What a thread will run; for a subclass without a target, its class."""
    target = getattr(thread, "_target", None) or getattr(thread, "function", None)
    return target if target is not None else type(thread)
