"""Streams: chunks go on at once, what they add up to is recorded when the stream is over.

Chunks that are all text are assembled to one text, redacted once; others to a list. Frames say how
the output was cut, so that a replay cuts it the same way.
"""

from __future__ import annotations

import inspect
from collections.abc import AsyncGenerator, Generator, Iterator, Sequence
from functools import partial
from typing import cast

from forkpoint.capture.calls import Call
from forkpoint.capture.failures import rebuild
from forkpoint.capture.items import Streamed
from forkpoint.capture.snapshots import taken
from forkpoint.capture.strands import current
from forkpoint.content.snapshot import snapshot
from forkpoint.replay.interception import Outcome


class Assembly:
    """Chunks of one stream as they are handed over."""

    __slots__ = ("_call", "_chunks", "_offsets")

    def __init__(self, call: Call) -> None:
        self._call = call
        self._chunks: list[object] = []
        self._offsets: list[int] = []

    def add(self, chunk: object) -> None:
        """A chunk is about to be handed over."""
        if not self._chunks:
            self._call.opened()
        self._chunks.append(chunk)
        self._offsets.append(self._call.offset_ms())

    def output(self) -> object:
        """What the chunks add up to."""
        if self._chunks and all(isinstance(chunk, str) for chunk in self._chunks):
            return "".join(cast("list[str]", self._chunks))
        return self._chunks

    def streamed(self, end: str) -> Streamed | None:
        """How they were handed over; None if that cannot be said."""
        text = isinstance(self.output(), str)
        frames = [
            [ms, 0, "", len(cast("str", chunk))] if text else [ms, 0, f"/{index}", None]
            for index, (ms, chunk) in enumerate(zip(self._offsets, self._chunks, strict=True))
        ]
        layout = snapshot({"frames": frames, "heads": [], "end": end})
        return Streamed(count=len(frames), layout=layout)

    def done(self) -> None:
        """The stream came to its end."""
        self._call.finish(self.output(), streamed=self.streamed("done"))

    def closed(self) -> None:
        """The caller wanted no more."""
        self._call.finish(self.output(), streamed=self.streamed("closed"))

    def broken(self, error: BaseException) -> None:
        """The stream raised; what came before is its output."""
        self._call.fail(error, output=taken(self.output()), streamed=self.streamed("broken"))


def recorded(
    body: Generator[object, object, object], call: Call
) -> Generator[object, object, object]:
    """The same generator, recorded as it is consumed."""
    assembly = Assembly(call)
    step = partial(body.send, None)
    try:
        while True:
            token = current.set(call)
            try:
                chunk = step()
            finally:
                current.reset(token)
            assembly.add(chunk)
            try:
                step = partial(body.send, (yield chunk))
            except GeneratorExit:
                raise
            except BaseException as thrown:  # the caller throws into the stream
                step = partial(body.throw, thrown)
    except StopIteration as stop:
        assembly.done()
        return stop.value
    except GeneratorExit:
        body.close()
        assembly.closed()
        raise
    except BaseException as error:
        assembly.broken(error)
        raise


async def recorded_async(
    body: AsyncGenerator[object, object], call: Call
) -> AsyncGenerator[object, object]:
    """As `recorded`, for asynchronous generators."""
    assembly = Assembly(call)
    step = partial(body.asend, None)
    try:
        while True:
            token = current.set(call)
            try:
                chunk = await step()
            finally:
                current.reset(token)
            assembly.add(chunk)
            try:
                step = partial(body.asend, (yield chunk))
            except GeneratorExit:
                raise
            except BaseException as thrown:  # the caller throws into the stream
                step = partial(body.athrow, thrown)
    except StopAsyncIteration:
        assembly.done()
    except GeneratorExit:
        await body.aclose()
        assembly.closed()
        raise
    except BaseException as error:
        assembly.broken(error)
        raise


def served(outcome: Outcome, call: Call) -> Generator[object, object, object]:
    """A recorded stream, handed over again chunk by chunk."""
    count = 0
    try:
        for chunk in pieces(outcome):
            if not count:
                call.opening()
                call.opened()
            count += 1
            yield chunk
        call.take_turn()
    finally:
        call.repeat(outcome, streamed=repeated(outcome, count))
    if outcome.error is not None:
        raise rebuild(outcome.error)


async def served_async(outcome: Outcome, call: Call) -> AsyncGenerator[object, object]:
    """As `served`, for asynchronous generators."""
    count = 0
    try:
        for chunk in pieces(outcome):
            if not count:
                await call.opening_async()
                call.opened()
            count += 1
            yield chunk
        await call.take_turn_async()
    finally:
        call.repeat(outcome, streamed=repeated(outcome, count))
    if outcome.error is not None:
        raise rebuild(outcome.error)


def pieces(outcome: Outcome) -> Iterator[object]:
    """The chunks of a recorded output: cut by its frames, or whole if it has none."""
    output = outcome.output
    layout = layout_of(outcome)
    if layout is None:
        yield from cast("Sequence[object]", output) if isinstance(output, list) else [output]
        return
    frames = cast("Sequence[Sequence[object]]", layout.get("frames", ()))
    at = 0
    for frame in frames:
        path, length = cast("str", frame[2]), frame[3]
        if isinstance(length, int) and isinstance(output, str):
            yield output[at : at + length]
            at += length
        elif isinstance(output, list):
            items = cast("list[object]", output)
            yield items[int(path[1:])]


def repeated(outcome: Outcome, count: int) -> Streamed | None:
    """The recorded layout, for the end of a served stream."""
    layout = layout_of(outcome)
    return None if layout is None else Streamed(count=count, layout=snapshot(layout))


def layout_of(outcome: Outcome) -> dict[str, object] | None:
    """The value of the `chunks` artifact of a recorded stream."""
    value = outcome.chunks
    return cast("dict[str, object]", value) if isinstance(value, dict) else None


def is_generator(value: object) -> bool:
    """Whether a value is a generator that a call returned."""
    return inspect.isgenerator(value)


def is_async_generator(value: object) -> bool:
    """Whether a value is an asynchronous generator that a call returned."""
    return inspect.isasyncgen(value)
