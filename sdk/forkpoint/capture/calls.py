"""One call from its beginning to its end, for whoever wraps it: decorators and integrations.

The way of a recorded call is what the host's thread pays for: it calls few functions on purpose.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from time import time_ns
from types import MappingProxyType
from typing import Any

from forkpoint.capture.endings import Ending, failed, step_over
from forkpoint.capture.items import (
    NO_NUMBERS,
    Attempted,
    Deferred,
    Numbers,
    Passed,
    Payload,
    StepBegun,
    StepOver,
    Streamed,
)
from forkpoint.capture.runs import Run
from forkpoint.capture.snapshots import taken
from forkpoint.capture.strands import Frame, Scope, current
from forkpoint.errors import CaptureError
from forkpoint.events.kinds import Effect, Kind
from forkpoint.replay.identity import opening
from forkpoint.replay.interception import Diverged, Outcome

UNEDITED: Mapping[str, object] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What is known of a call before it has arguments."""

    kind: Kind
    name: str
    effect: Effect | None = None
    codec: str | None = None
    subtype: str | None = None
    intent: tuple[str, ...] = ()


class Call(Frame):
    """A call in progress, and the frame its body runs in. It keeps no snapshot."""

    __slots__ = ("_mark", "_outer", "_over", "began_ns", "target")

    served: Outcome | None = None
    """If not None the answer of the call: the body must not run."""
    edited: Mapping[str, object] = UNEDITED
    """Input parts that an edit of the replay put in the place of the caller's."""
    instead: Callable[..., Any] | None = None
    """What an edit of the replay runs in the place of the body."""

    def __init__(self, run: Run, target: Target, begun: StepBegun, outer: Scope, mark: int) -> None:
        # what `Frame` would set, without another call: one is made for each call of the host
        self.run = run
        self.step = begun.key
        self._strand = begun.strand
        self._scope = None
        self.target = target
        self.began_ns = begun.time_ns
        self._outer = outer
        self._mark = mark
        self._over = False

    @property
    def opaque(self) -> bool:
        """Whether a replay serves it whole, so that its body does not run there."""
        return self.target.kind is not Kind.AGENT

    def offset_ms(self) -> int:
        """Milliseconds since the call began."""
        return (time_ns() - self.began_ns) // 1_000_000

    def attempted(
        self, number: int, *, error_class: str | None = None, http_status: int | None = None
    ) -> None:
        """Record one try of a call that its client library repeats."""
        self.run.submit(
            Attempted(
                key=self.step or "",
                number=number,
                time_ns=time_ns(),
                error_class=error_class,
                http_status=http_status,
            )
        )

    def finish(
        self, output: object, *, streamed: Streamed | None = None, numbers: Numbers = NO_NUMBERS
    ) -> None:
        """The call came back with a value."""
        payload = taken(output)
        if self._over:
            return
        self._over = True
        self._outer.end(self._mark)
        self._submit(
            StepOver(
                key=self.step or "",
                strand=self._strand,
                status="ok",
                time_ns=time_ns(),
                size=len(payload) if type(payload) is bytes else 0,
                output=payload,
                streamed=streamed,
                numbers=numbers,
            )
        )

    def fail(
        self,
        error: BaseException,
        *,
        output: Payload | None = None,
        streamed: Streamed | None = None,
        also: Mapping[str, object] | None = None,
        numbers: Numbers = NO_NUMBERS,
    ) -> None:
        """The call raised; a broken stream still has what came before. `also` joins the error."""
        self.end(failed(error, output=output, streamed=streamed, also=also, numbers=numbers))

    def repeat(self, outcome: Outcome, *, streamed: Streamed | None = None) -> None:
        """The call was served: its end repeats what was recorded."""
        ended = outcome.ended
        error = outcome.error
        self.end(
            Ending(
                status=outcome.status,
                output=None if error and outcome.output is None else taken(outcome.output),
                error=None if error is None else taken(error),
                error_class=ended.error_class if ended else None,
                streamed=streamed,
                repeats=ended,
            )
        )

    def end(self, ending: Ending) -> None:
        """The call is over; only the first end counts."""
        if self._closed():
            self._submit(step_over(self.step or "", self._strand, ending, time_ns()))

    def end_later(self, make: Callable[[], Ending], *, size: int) -> None:
        """The call is over; what it came to is worked out in the background from `size` bytes."""
        if self._closed():
            key, strand, now = self.step or "", self._strand, time_ns()
            over = Deferred(
                key=key,
                time_ns=now,
                size=size,
                make=lambda: step_over(key, strand, make(), now),
            )
            self._submit(over)

    def take_turn(self) -> None:
        """Wait until a served answer may be handed over; a wait that ends badly ends the call."""

    async def take_turn_async(self) -> None:
        """As `take_turn`, in a task."""

    def opening(self) -> None:
        """Wait until a served stream may hand over its first chunk."""

    async def opening_async(self) -> None:
        """As `opening`, in a task."""

    def opened(self) -> None:
        """The first chunk of a stream is handed over."""
        self.run.submit(Passed(opening(self.step or ""), time_ns()))

    def _closed(self) -> bool:
        """Close the call; False if it is closed already."""
        if self._over:
            return False
        self._over = True
        self._outer.end(self._mark)
        return True

    def _submit(self, item: StepOver | Deferred) -> None:
        try:
            self.run.recorder.submit(self.run, item)
        except Exception as broken:  # a bug of ours: the host has its answer and goes on
            self.run.recorder.counters.add("internal_errors")
            refuse(self.run, broken)


def frame_now() -> Frame | None:
    """The frame of this context; None outside a run, which is counted by its caller."""
    frame = current.get()
    return None if frame is None or frame.run.over else frame


def refuse(run: Run, error: Exception) -> None:
    """Our own failure, where the host must not act unrecorded or beyond its recording."""
    if run.interceptor is not None:
        reason = "internal"
        raise Diverged(f"the replay failed inside: {error!r}", key="", reason=reason) from error
    if run.recorder.closed_mode:
        raise CaptureError("the call cannot be recorded") from error
