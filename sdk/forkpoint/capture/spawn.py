"""Follows work that is handed to tasks, threads and executors: each spawn gets its strand here.

The patches are put in once, when the first run begins, stay in, and do nothing outside a run. A
strand is named by its spawner at the moment of the spawn, never by when the work first runs.
"""

from __future__ import annotations

import asyncio
import contextvars
import functools
import os
import sys
import threading
import weakref
from collections.abc import Callable, Coroutine, Generator
from concurrent import futures
from concurrent.futures import ThreadPoolExecutor
from typing import Any, cast

from forkpoint.capture.rebinding import rebind
from forkpoint.capture.settling import (
    InTurn,
    as_completed,
    as_completed_async,
    follow_future,
    follow_task,
    in_run,
    in_run_by_caller,
    settled,
    wait,
    wait_async,
    wait_to_settle,
)
from forkpoint.capture.strands import Frame, current, running_loop, strand_frame, target_name

_loops: weakref.WeakSet[asyncio.AbstractEventLoop] = weakref.WeakSet()
_installed = False
_install_lock = threading.Lock()
_POOL_MODULES = (
    "concurrent.futures.thread",
    "concurrent.futures.process",
    "multiprocessing.",
    "anyio._backends._asyncio",
    "forkpoint.capture",
)
_LOOP_CODE = os.path.dirname(asyncio.__file__)  # noqa: PTH120 - compared with `co_filename`
_Coroutine = Coroutine[Any, Any, Any] | Generator[Any, None, Any]
_STOCK = {
    (asyncio, "as_completed"): as_completed_async,
    (asyncio, "wait"): wait_async,
    (futures, "as_completed"): as_completed,
    (futures, "wait"): wait,
}


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
        _patch_waiting()


def follow_loop() -> None:
    """Give the running event loop, if any, the task factory that names strands."""
    loop = running_loop()
    if loop is not None and loop not in _loops:
        _follow(loop)


class Inside:
    """A callable that runs its target with the frame of a strand in place, to its turn to end."""

    __slots__ = ("armed", "frame", "target")

    def __init__(self, frame: Frame, target: Callable[..., object]) -> None:
        self.frame = frame
        self.target = target
        self.armed = threading.Event()
        """Set once whoever waits for the result is known."""

    def __call__(self, *args: object, **kwargs: object) -> object:
        """Run the target; its frame is gone again afterwards."""
        token = current.set(self.frame)
        try:
            return self.target(*args, **kwargs)
        finally:
            current.reset(token)
            if self.frame.run.interceptor is not None:
                self.armed.wait()
                wait_to_settle(self.frame)


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
        ordered = _is_of_program(coro)
        made = InTurn(coro, child) if ordered and frame.run.interceptor is not None else coro
        context = cast("contextvars.Context | None", options.get("context"))
        token = current.set(child) if context is None else context.run(current.set, child)
        try:
            task = _make_task(inner, loop, made, options)
        finally:
            if context is None:
                current.reset(token)
        if ordered:
            follow_task(task, child)
        if made is not coro:
            task.add_done_callback(lambda _: coro.close())  # where it never began
        return task

    loop.set_task_factory(factory)


def _is_of_program(coro: object) -> bool:
    """Whether a task is the program's: the loop makes its own when it closes generators."""
    code = getattr(coro, "cr_code", None) or getattr(coro, "gi_code", None)
    return code is not None and not code.co_filename.startswith(_LOOP_CODE)


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

    @functools.wraps(new_event_loop)
    def followed_loop() -> asyncio.AbstractEventLoop:
        loop = new_event_loop()
        _follow(loop)
        return loop

    runner = cast("Any", asyncio.Runner)
    begin = runner._lazy_init

    @functools.wraps(begin)
    def begin_followed(self: Any) -> None:
        begin(self)
        if self._loop not in _loops:  # of a factory of its own, as uvloop's
            _follow(self._loop)

    runner._lazy_init = begin_followed
    asyncio.events.new_event_loop = followed_loop
    asyncio.new_event_loop = followed_loop
    follow_loop()


def _patch_executors() -> None:
    submit = ThreadPoolExecutor.submit

    @functools.wraps(submit)
    def submit_as_strand(self: Any, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        frame = current.get()
        if frame is None or _keeps_its_strand(fn):
            return submit(self, fn, *args, **kwargs)
        context = args and _is_context_run(fn)
        target = args[0] if context else fn
        child = strand_frame(frame, frame.scope.spawn(target_name(target)))
        inside = Inside(child, target)
        if context:
            future = submit(self, fn, inside, *args[1:], **kwargs)
        else:
            future = submit(self, inside, *args, **kwargs)
        follow_future(future, child, inside.armed)
        return future

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
            setattr(self, "run", _thread_body(child, self.run))  # noqa: B010 - typed as a method
        return start(self)

    threading.Thread.start = start_as_strand


def _thread_body(child: Frame, run: Callable[[], None]) -> Callable[[], None]:
    """What a thread runs: it settles as it ends, for nobody is told of its result."""
    inside = Inside(child, run)
    inside.armed.set()

    def body() -> None:
        try:
            inside()
        finally:
            settled(child)

    return body


def _patch_waiting() -> None:
    """Put our way of waiting in the place of the library's, also where a name was bound before."""
    swaps: dict[int, object] = {}
    for (module, name), ours in _STOCK.items():
        stock = getattr(module, name)
        choose = in_run_by_caller if name == "wait" else in_run
        swaps[id(stock)] = chosen = choose(stock, ours)
        setattr(module, name, chosen)
        home = sys.modules[stock.__module__]
        setattr(home, name, chosen)
    rebind(swaps)


def _thread_target(thread: threading.Thread) -> object:
    """What a thread will run; for a subclass without a target, its class."""
    target = getattr(thread, "_target", None) or getattr(thread, "function", None)
    return target if target is not None else type(thread)
