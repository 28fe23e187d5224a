"""Calls of a replay: signed and decided before they act, answered from the recording or lived."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from msgspec import structs

from forkpoint.capture.calls import UNEDITED, Call, Target, refuse
from forkpoint.capture.endings import Ending
from forkpoint.capture.items import Deferred, Payload, StepBegun, StepOver, Streamed, Withheld
from forkpoint.capture.runs import Run
from forkpoint.capture.snapshots import taken
from forkpoint.capture.strands import Scope
from forkpoint.capture.turns import stock_sleep, stock_sleep_async, take_turn, take_turn_async
from forkpoint.capture.writer import Signed
from forkpoint.events.kinds import Match, Mode
from forkpoint.events.model import ReplayInfo
from forkpoint.redact.tokens import find_tokens
from forkpoint.replay.interception import (
    Breach,
    CallView,
    Diverged,
    Interceptor,
    Outcome,
    Served,
)


class ReplayedCall(Call):
    """A call in a run that is answered by a recording."""

    __slots__ = ("_delay_s", "_view", "begun", "edited", "instead", "served")

    def __init__(self, run: Run, target: Target, begun: StepBegun, outer: Scope, mark: int) -> None:
        super().__init__(run, target, begun, outer, mark)
        self.begun = begun
        self.served: Outcome | None = None
        self.edited: Mapping[str, object] = UNEDITED
        self.instead: Callable[..., Any] | None = None
        self._view: CallView | None = None
        self._delay_s = 0.0

    def decide(self, interceptor: Interceptor) -> None:
        """Sign the call, ask the replay, and record what it decided before anything acts."""
        writer = self.run.writer
        view, signed = self._viewed()
        self.edited = interceptor.new_input(view)
        if self.edited:
            changed = {part: taken(value) for part, value in self.edited.items()}
            self.begun = structs.replace(self.begun, parts={**self.begun.parts, **changed})
            view, signed = self._viewed()
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
        if not self.run.shown:
            self.run.shown = True
            self.run.recorder.attend()  # whoever asked for the replay waits for its first step
        self._view = view
        if decision.environ:
            self.run.change_environment(decision.environ)
        if isinstance(decision, Served):
            self.served = decision.outcome
            self._delay_s = decision.delay_s
        else:
            self.instead = decision.instead

    def repeat(self, outcome: Outcome, *, streamed: Streamed | None = None) -> None:
        """The call was served: what was recorded is referred to, or written anew."""
        kept = outcome.kept
        if kept is None or streamed is not None or not self.run.writer.may_keep(kept):
            super().repeat(outcome, streamed=streamed)
            return
        ended = outcome.ended
        self.end(
            Ending(
                status=outcome.status,
                error_class=ended.error_class if ended else None,
                repeats=ended,
                kept=kept,
            )
        )

    def take_turn(self) -> None:
        """Wait until a served answer may be handed over; a wait that ends badly ends the call."""
        interceptor, view = self.run.interceptor, self._view
        if interceptor is not None and view is not None:
            try:
                self._be_late()
                take_turn(interceptor, partial(interceptor.arrive, view), view.key)
            except BaseException as stop:
                self.fail(stop)
                raise

    async def take_turn_async(self) -> None:
        """As `take_turn`, in a task."""
        interceptor, view = self.run.interceptor, self._view
        if interceptor is not None and view is not None:
            try:
                await self._be_late_async()
                await take_turn_async(interceptor, partial(interceptor.arrive, view), view.key)
            except BaseException as stop:
                self.fail(stop)
                raise

    def opening(self) -> None:
        """Wait until a served stream may hand over its first chunk."""
        interceptor, view = self.run.interceptor, self._view
        if interceptor is not None and view is not None:
            self._be_late()
            take_turn(interceptor, partial(interceptor.arrive_open, view), view.key)

    async def opening_async(self) -> None:
        """As `opening`, in a task."""
        interceptor, view = self.run.interceptor, self._view
        if interceptor is not None and view is not None:
            await self._be_late_async()
            await take_turn_async(interceptor, partial(interceptor.arrive_open, view), view.key)

    def opened(self) -> None:
        """The first chunk of a stream is handed over."""
        super().opened()
        if self.run.interceptor is not None and self._view is not None:
            self.run.interceptor.opened(self._view)

    def _be_late(self) -> None:
        delay_s, self._delay_s = self._delay_s, 0.0
        if delay_s:
            stock_sleep(delay_s)

    async def _be_late_async(self) -> None:
        delay_s, self._delay_s = self._delay_s, 0.0
        if delay_s:
            await stock_sleep_async(delay_s)

    def _submit(self, item: StepOver | Deferred) -> None:
        run = self.run
        try:
            if run.interceptor is not None and self._view is not None:
                over = item.make() if isinstance(item, Deferred) else item
                self._end_replayed(run, run.interceptor, over, self._view)
        except Exception as broken:  # a bug of ours: the host has its answer and goes on
            run.recorder.counters.add("internal_errors")
            refuse(run, broken)

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

    def _viewed(self) -> tuple[CallView, Signed]:
        begun, writer = self.begun, self.run.writer
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
            value=partial(_value, self.run, begun.parts),
            intent=self.target.intent,
            masked=partial(_masked, begun.parts),
        )
        return view, signed


def _value(run: Run, payloads: Mapping[str, Payload], part: str) -> object:
    payload = payloads[part]
    if isinstance(payload, Withheld):
        raise KeyError(part)
    with run.writer.lock:
        return run.writer.payloads.redacted(payload)


def _masked(payloads: Mapping[str, Payload]) -> bool:
    """Whether a snapshot of the real arguments holds a token."""
    snapshots = [one for one in payloads.values() if isinstance(one, bytes) and b"rx1_" in one]
    return any(
        next(find_tokens(one.decode("utf-8", "replace")), None) is not None for one in snapshots
    )
