"""One call from its beginning to its end, for whoever wraps it: decorators and integrations."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from time import time_ns

from msgspec import structs

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
    Withheld,
)
from forkpoint.capture.runs import Run
from forkpoint.capture.snapshots import taken
from forkpoint.capture.strands import Frame, Scope, current
from forkpoint.capture.turns import take_turn, take_turn_async
from forkpoint.capture.writer import Signed
from forkpoint.errors import CaptureError
from forkpoint.events.kinds import Effect, Kind, Match, Mode
from forkpoint.events.model import ReplayInfo
from forkpoint.replay.identity import opening
from forkpoint.replay.interception import (
    Breach,
    CallView,
    Diverged,
    Interceptor,
    Outcome,
    Served,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What is known of a call before it has arguments."""

    kind: Kind
    name: str
    effect: Effect | None = None
    codec: str | None = None
    subtype: str | None = None
    intent: tuple[str, ...] = ()


class Call:
    """A call in progress. `served`, if not None, is its answer: the body must not run."""

    __slots__ = (
        "_began_ns",
        "_mark",
        "_outer",
        "_over",
        "_run",
        "_view",
        "begun",
        "edited",
        "frame",
        "served",
    )

    def __init__(self, run: Run, begun: StepBegun, outer: Scope, mark: int) -> None:
        self.begun = begun
        self.frame = Frame(run, Scope(begun.key, begun.strand), begun.key)
        self.served: Outcome | None = None
        self.edited: Mapping[str, object] = {}
        """Input parts that an edit of the replay put in the place of the caller's."""
        self._run = run
        self._outer = outer
        self._mark = mark
        self._view: CallView | None = None
        self._over = False
        self._began_ns = begun.time_ns

    def offset_ms(self) -> int:
        """Milliseconds since the call began."""
        return (time_ns() - self._began_ns) // 1_000_000

    def attempted(
        self, number: int, *, error_class: str | None = None, http_status: int | None = None
    ) -> None:
        """Record one try of a call that its client library repeats."""
        self._run.submit(
            Attempted(
                key=self.begun.key,
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
        self.end(Ending(output=taken(output), streamed=streamed, numbers=numbers))

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
            self._submit(step_over(self.begun, ending, time_ns()))

    def end_later(self, make: Callable[[], Ending], *, size: int) -> None:
        """The call is over; what it came to is worked out in the background from `size` bytes."""
        if self._closed():
            now = time_ns()
            self._submit(
                Deferred(
                    key=self.begun.key,
                    time_ns=now,
                    size=size,
                    make=lambda: step_over(self.begun, make(), now),
                )
            )

    def _closed(self) -> bool:
        """Close the call; False if it is closed already."""
        if self._over:
            return False
        self._over = True
        self._outer.end(self._mark)
        return True

    def _submit(self, item: StepOver | Deferred) -> None:
        run = self._run
        try:
            if run.interceptor is None:
                run.recorder.submit(run, item)
            elif self._view is not None:
                over = item.make() if isinstance(item, Deferred) else item
                self._end_replayed(run, run.interceptor, over, self._view)
        except Exception as broken:  # a bug of ours: the host has its answer and goes on
            run.recorder.counters.add("internal_errors")
            _refuse(run, broken)

    def _end_replayed(
        self, run: Run, interceptor: Interceptor, over: StepOver, view: CallView
    ) -> None:
        with run.writer.lock:
            refs = run.writer.end_step(over)
        root = next((ref.root for ref in refs if ref.role == "output"), None)
        if self.served is None:
            used = over.numbers
            tokens = (used.tokens_in or 0) + (used.tokens_out or 0)
            interceptor.spend(view, tokens=tokens, cost_micro_usd=used.cost_micro_usd or 0)
        interceptor.end(view, output=root, status=over.status)

    def decide(self, interceptor: Interceptor, target: Target) -> None:
        """Sign the call, ask the replay, and record what it decided before anything acts."""
        writer = self._run.writer
        view, signed = self._viewed(target)
        self.edited = interceptor.new_input(view)
        if self.edited:
            changed = {part: taken(value) for part, value in self.edited.items()}
            self.begun = structs.replace(self.begun, parts={**self.begun.parts, **changed})
            view, signed = self._viewed(target)
        try:
            decision = interceptor.begin(view)
        except (Diverged, Breach) as stop:
            reason = stop.reason if isinstance(stop, Diverged) else stop.guard
            info = ReplayInfo(
                session=interceptor.origin.session,
                mode=Mode.EXACT,
                match=Match.NONE,
                divergence=reason,
            )
            with writer.lock:
                writer.begin_step(self.begun, signed, info)
            self.fail(stop)
            raise
        with writer.lock:
            writer.begin_step(self.begun, signed, decision.replay)
        self._view = view
        if isinstance(decision, Served):
            self.served = decision.outcome

    def take_turn(self) -> None:
        """Wait until a served answer may be handed over; a wait that ends badly ends the call."""
        interceptor, view = self._run.interceptor, self._view
        if interceptor is not None and view is not None:
            try:
                take_turn(interceptor, partial(interceptor.arrive, view), view.key)
            except BaseException as stop:
                self.fail(stop)
                raise

    async def take_turn_async(self) -> None:
        """As `take_turn`, in a task."""
        interceptor, view = self._run.interceptor, self._view
        if interceptor is not None and view is not None:
            try:
                await take_turn_async(interceptor, partial(interceptor.arrive, view), view.key)
            except BaseException as stop:
                self.fail(stop)
                raise

    def opening(self) -> None:
        """Wait until a served stream may hand over its first chunk."""
        interceptor, view = self._run.interceptor, self._view
        if interceptor is not None and view is not None:
            take_turn(interceptor, partial(interceptor.arrive_open, view), view.key)

    async def opening_async(self) -> None:
        """As `opening`, in a task."""
        interceptor, view = self._run.interceptor, self._view
        if interceptor is not None and view is not None:
            await take_turn_async(interceptor, partial(interceptor.arrive_open, view), view.key)

    def opened(self) -> None:
        """The first chunk of a stream is handed over."""
        self._run.submit(Passed(opening(self.begun.key), time_ns()))
        if self._run.interceptor is not None and self._view is not None:
            self._run.interceptor.opened(self._view)

    def _viewed(self, target: Target) -> tuple[CallView, Signed]:
        begun, writer = self.begun, self._run.writer
        with writer.lock:
            signed = writer.sign(begun)
        view = CallView(
            kind=begun.kind,
            name=begun.name,
            scope=begun.scope,
            key=begun.key,
            strand=begun.strand,
            site=begun.site,
            effect=begun.effect,
            codec=begun.codec,
            parts=signed.parts,
            signature=signed.signature,
            delta=signed.delta,
            value=partial(_value, self._run, begun.parts),
            intent=target.intent,
        )
        return view, signed


def begin(
    frame: Frame,
    target: Target,
    parts: Mapping[str, object],
    *,
    site: str | None = None,
    model: str | None = None,
) -> Call | None:
    """Open a call; None if our own failure means that it runs unrecorded.

    Raises `Diverged` in a replay, `CaptureError` under `fail=closed`, and nothing else.
    """
    run = frame.run
    try:
        run.recorder.check()
        call = _opened(frame, target, parts, site=site, model=model)
        if run.interceptor is None:
            run.recorder.submit(run, call.begun)
        else:
            call.decide(run.interceptor, target)
    except CaptureError:
        raise
    except Exception as error:  # a bug of ours: the host goes on, unless it must not act
        run.recorder.counters.add("internal_errors")
        _refuse(run, error)
        return None
    return call


def frame_now() -> Frame | None:
    """The frame of this context; None outside a run, which is counted by its caller."""
    frame = current.get()
    return None if frame is None or frame.run.over else frame


def _opened(
    frame: Frame,
    target: Target,
    parts: Mapping[str, object],
    *,
    site: str | None,
    model: str | None,
) -> Call:
    payloads: dict[str, Payload] = {}
    size = 0
    for part, value in parts.items():
        payload = payloads[part] = taken(value)
        if type(payload) is bytes:
            size += len(payload)
    if frame.run.recorder.closed_mode:
        _check_payloads(payloads)
    scope = frame.scope
    key, contended, mark = scope.begin()
    begun = StepBegun(
        kind=target.kind,
        name=target.name,
        scope=scope.text,
        key=key,
        strand=scope.strand,
        parent=frame.step,
        site=site,
        effect=target.effect,
        contended=contended,
        parts=payloads,
        size=size,
        time_ns=time_ns(),
        codec=target.codec,
        model=model,
        subtype=target.subtype,
    )
    return Call(frame.run, begun, scope, mark)


def _check_payloads(payloads: Mapping[str, Payload]) -> None:
    for part, payload in payloads.items():
        if isinstance(payload, Withheld):
            raise CaptureError(f"input `{part}` cannot be recorded: {payload.reason}", part=part)


def _refuse(run: Run, error: Exception) -> None:
    if run.interceptor is not None:
        reason = "internal"
        raise Diverged(f"the replay failed inside: {error!r}", key="", reason=reason) from error
    if run.recorder.closed_mode:
        raise CaptureError("the call cannot be recorded") from error


def _value(run: Run, payloads: Mapping[str, Payload], part: str) -> object:
    payload = payloads[part]
    if isinstance(payload, Withheld):
        raise KeyError(part)
    with run.writer.lock:
        return run.writer.payloads.redacted(payload)
