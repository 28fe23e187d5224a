"""Values user code draws from the clock and from chance, recorded, and handed out again in replays.

Functions of the standard library are patched once, when the first run begins. They do as before
outside a run, for code of libraries, and inside a step that is served whole in a replay.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from time import time_ns
from typing import Any, TypeVar, cast

from forkpoint.capture.items import Drawn
from forkpoint.capture.rebinding import called_by_user
from forkpoint.capture.strands import Frame, current
from forkpoint.replay.draws import BYTES, LIMIT

_T = TypeVar("_T")


def drawing() -> Frame | None:
    """The frame whose draws are kept, of the code two Python frames down; None if they are not."""
    frame = current.get()
    if frame is None or frame.opaque or frame.run.over:
        return None
    return frame if called_by_user(2) else None


def drawn(
    frame: Frame,
    source: str,
    real: Callable[[], _T],
    *,
    pack: Callable[[_T], int | float | str],
    unpack: Callable[[Any], _T],
    make: Callable[[Random], _T],
) -> _T:
    """A value: drawn and kept, or in a replay the recorded one."""
    run, scope = frame.run, frame.scope
    if run.interceptor is None:
        value = real()
        if scope.drawn < LIMIT:
            scope.drawn += 1
            run.submit(Drawn(scope.text, source, pack(value), time_ns()))
        return value
    found = run.interceptor.draw(scope.text, source, lambda chance: pack(make(chance)))
    if found is None:
        return real()
    run.submit(Drawn(scope.text, source, cast("int", found), time_ns()))
    try:
        return unpack(found)
    except (TypeError, ValueError):  # masked, or of another size: the recording cannot tell
        return real()


def nanoseconds(frame: Frame, source: str, real: Callable[[], int]) -> int:
    """A reading of a clock."""
    return drawn(frame, source, real, pack=int, unpack=int, make=lambda _: 0)


def octets(frame: Frame, size: int, real: Callable[[], bytes]) -> bytes:
    """Random bytes."""

    def unpack(text: str) -> bytes:
        found = bytes.fromhex(text)
        if len(found) != size:
            raise ValueError(size)
        return found

    return drawn(
        frame,
        BYTES,
        real,
        pack=bytes.hex,
        unpack=unpack,
        make=lambda chance: chance.randbytes(size),
    )


def kept_frame() -> Frame | None:
    """The frame of this context if draws in it are kept, whoever calls."""
    frame = current.get()
    if frame is None or frame.opaque or frame.run.over:
        return None
    return frame


def dressed(ours: Any, stock: Any) -> Any:
    """Ours under the name of the stock function, by which pickles find it."""
    home = getattr(stock, "__module__", None) or type(stock.__self__).__module__
    ours.__name__ = ours.__qualname__ = stock.__name__
    ours.__doc__, ours.__module__ = stock.__doc__, home
    return ours
