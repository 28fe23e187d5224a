"""Processes that `multiprocessing` starts anew, and pools of processes: they join their run.

A `Process` of the start methods `spawn` and `forkserver` carries its context as the first thing it
unpickles, so that a replay's guard is up before the module of its target is imported. Work of a
pool carries its own: a strand each, named where it was handed over, whatever worker takes it; so
does the work of a `ThreadPool`, which is a `Pool` that stays in this process.
"""

from __future__ import annotations

import functools
import multiprocessing
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import util
from multiprocessing.pool import Pool, ThreadPool
from multiprocessing.process import BaseProcess
from typing import Any, cast

from forkpoint.capture import process
from forkpoint.capture.joining import ARRIVAL, Context, any_writer, context_for, frame_now
from forkpoint.capture.making import join_run
from forkpoint.capture.runs import Run
from forkpoint.capture.strands import Frame, Scope, current, strand_frame, target_name

_state = threading.Lock()
_installed = False
_joined: dict[str, Frame] = {}
"""Runs this process joined, by id: it is one writer of each."""


def install() -> None:
    """Follow work that is given to other processes; a second call does nothing."""
    global _installed
    with _state:
        if _installed:
            return
        _installed = True
        _patch_executors()
        _patch_pools()
        _patch_processes()


class Arrival:
    """What a started `Process` carries: unpickling it joins the run."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def __reduce__(self) -> tuple[Callable[[str], object], tuple[str]]:
        return arrive, (self._context.text(),)


def arrive(text: str) -> object:
    """Join the run of a context in the process that was started for it, to its end."""
    install()
    current.set(_join(Context.read(text)))
    return None


class InWorker:
    """A callable for a worker process, run on the strand it was handed over with."""

    def __init__(self, function: Callable[..., Any], context: Context) -> None:
        self._function = function
        self._context = context

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run it in this process, be it one of the run or one that was there before."""
        return on_strand(self._context, self._function, args, kwargs)


class InPool:
    """A function that a `Pool` maps over (context, item): each item is a strand."""

    def __init__(self, function: Callable[..., Any], *, star: bool) -> None:
        self._function = function
        self._star = star

    def __call__(self, context: Context, item: Any) -> Any:
        """One item; those of `starmap` are the arguments."""
        return on_strand(context, self._function, item if self._star else (item,), {})


class InPoolOfOne(InPool):
    """As `InPool`, for those of its functions that hand over the pair as one argument."""

    def __call__(self, pair: tuple[Context, Any]) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        """One item."""
        return super().__call__(*pair)


def on_strand(
    context: Context, function: Callable[..., Any], args: Iterable[Any], kwargs: dict[str, Any]
) -> Any:
    """Call a function in the run and on the strand of a context."""
    frame = current.get()
    run = frame.run if frame is not None and frame.run.id == context.run else _run_of(context)
    scope = Scope(context.strand, context.strand)
    token = current.set(Frame(run, scope, context.step))
    try:
        return function(*args, **kwargs)
    finally:
        current.reset(token)
        run.recorder.drain()


def _run_of(context: Context) -> Run:
    """The run of this process by that id (a pool of threads), else one it joins now."""
    here = (run for run in process.recorder().runs if run.id == context.run)
    return next(here, None) or _join(context).run


def _join(context: Context) -> Frame:
    with _state:
        frame = _joined.get(context.run)
        if frame is None:
            frame, _ = join_run(context)
            _joined[context.run] = frame
            util.Finalize(None, frame.run.finish_joined, exitpriority=0)
        return frame


def _patch_processes() -> None:
    """Give each `Process` that is started anew its strand, and its context to carry."""
    start = BaseProcess.start

    @functools.wraps(start)
    def start_joined(self: Any) -> None:
        frame = frame_now()
        if frame is None or _method(self) == "fork":
            return start(self)
        state = cast("dict[str, Any]", vars(self))
        target = cast("object", state.get("_target") or type(self))
        child = strand_frame(frame, frame.scope.spawn(target_name(target)))
        context = context_for(frame, child.scope.text, writer=frame.run.next_fork())
        carried = dict(state)
        state.clear()
        state.update({ARRIVAL: Arrival(context)} | carried)
        try:
            start(self)
        finally:
            state.pop(ARRIVAL, None)

    BaseProcess.start = start_joined


def _method(process: BaseProcess) -> str:
    own = cast("str | None", getattr(type(process), "_start_method", None))
    return own or multiprocessing.get_start_method()


def _patch_executors() -> None:
    submit = ProcessPoolExecutor.submit

    @functools.wraps(submit)
    def submit_as_strand(self: Any, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        frame = frame_now()
        if frame is None:
            return submit(self, fn, *args, **kwargs)
        return submit(self, InWorker(fn, _handed(frame, frame.scope, fn)), *args, **kwargs)

    ProcessPoolExecutor.submit = submit_as_strand  # pyright: ignore[reportAttributeAccessIssue]


def _patch_pools() -> None:
    """`apply`, `map`, `starmap` and their kin all pass through these four."""
    pool = cast("Any", Pool)
    apply, many = pool.apply_async, pool._map_async

    @functools.wraps(apply)
    def apply_async(self: Any, func: Any, args: Any = (), kwds: Any = {}, *more: Any, **o: Any):  # noqa: B006 - as the library has it
        frame = frame_now()
        if frame is not None:
            func = InWorker(func, _handed_by(self, frame, frame.scope, func))
        return apply(self, func, args, kwds, *more, **o)

    @functools.wraps(many)
    def map_async(self: Any, func: Any, iterable: Any, mapper: Any, *more: Any, **options: Any):
        frame = frame_now()
        if frame is None:
            return many(self, func, iterable, mapper, *more, **options)
        star = mapper.__name__ == "starmapstar"
        items = [(_handed_by(self, frame, frame.scope, func), item) for item in iterable]
        wrapped = InPool(func, star=True) if star else InPoolOfOne(func, star=False)
        return many(self, wrapped, items, mapper, *more, **options)

    def lazily(stock: Any) -> Any:
        @functools.wraps(stock)
        def imap(self: Any, func: Any, iterable: Any, *more: Any, **options: Any):
            frame = frame_now()
            if frame is None:
                return stock(self, func, iterable, *more, **options)
            pairs = _numbered(self, frame, func, iterable)
            return stock(self, InPoolOfOne(func, star=False), pairs, *more, **options)

        return imap

    pool.apply_async, pool._map_async = apply_async, map_async
    pool.imap, pool.imap_unordered = lazily(pool.imap), lazily(pool.imap_unordered)


def _numbered(
    pool: Pool, frame: Frame, func: Any, iterable: Iterable[Any]
) -> Iterator[tuple[Context, Any]]:
    """Items that another thread takes when it will: strands of one that is named now."""
    path = frame.scope.spawn(_work_name(func))
    inner = strand_frame(frame, path)
    return ((_handed_by(pool, inner, inner.scope, func), item) for item in iterable)


def _handed(frame: Frame, scope: Scope, fn: Callable[..., Any]) -> Context:
    return context_for(frame, scope.spawn(_work_name(fn)), writer=any_writer())


def _handed_by(pool: Pool, frame: Frame, scope: Scope, fn: Callable[..., Any]) -> Context:
    """As `_handed`; work for a pool of threads stays in this process."""
    if not isinstance(pool, ThreadPool):
        return _handed(frame, scope, fn)
    strand = scope.spawn(_work_name(fn))
    return Context(run=frame.run.id, strand=strand, writer=0, step=frame.step, shared=None)


def _work_name(fn: Callable[..., Any]) -> str:
    """The function a pool calls; `ProcessPoolExecutor.map` hands it over in chunks."""
    if isinstance(fn, functools.partial) and fn.func.__module__ == ProcessPoolExecutor.__module__:
        return target_name(fn.args[0])
    return target_name(cast("object", fn))
