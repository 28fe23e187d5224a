"""One model step, asked again: with its edits, live, as the policy's hosts and budgets allow."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from msgspec.structs import replace

from forkpoint.content.blocks import Value
from forkpoint.errors import ReplayError
from forkpoint.events.kinds import Effect, Kind, Mode, RunStatus
from forkpoint.events.model import ArtifactRef, ReplayInfo, RunEnd, StepEnded, StepStarted
from forkpoint.replay.answers import read
from forkpoint.replay.edits import EditPlan
from forkpoint.replay.effects import refusal
from forkpoint.replay.fresh import Ask, Executed, Page, Reply, ended_with, signed
from forkpoint.replay.inputs import changed_parts
from forkpoint.replay.ladder import Executing, masked
from forkpoint.replay.plan import spec_cut
from forkpoint.replay.prefix import Prefix
from forkpoint.replay.recording import Recording
from forkpoint.replay.reemit import Reemission
from forkpoint.replay.spec import ReplaySpec
from forkpoint.replay.spend import Charges, Purse


class Single:
    """The re-issue of the step at the cut; the new run holds nothing else."""

    def __init__(
        self,
        recording: Recording,
        spec: ReplaySpec,
        emission: Reemission,
        *,
        now: Callable[[], int],
    ) -> None:
        cut = spec_cut(recording, spec)
        if cut is None or recording.types[cut.place][0] is not Kind.MODEL:
            raise ReplayError("name a model step as the cut", code="cut_invalid")
        self.page = Page()
        self._recording, self._spec, self._emission = recording, spec, emission
        self._place = cut.place
        self._edits = EditPlan(spec.edits, recording, cut)
        self._purse = Purse(spec.policy.budgets, now)

    def common(self) -> int:
        """Nothing of the recording stands in the new run."""
        return 0

    def keep(self, prefix: Prefix) -> None:
        """There is no prefix."""

    def run(self) -> Executing:
        """Ask once; gives a run of one step, or the code of what forbids it."""
        step = self._recording.started[self._place]
        refused = self._purse.exhausted(Kind.MODEL) or refusal(
            Effect.READ, step.name, self._spec.policy, self._spec.grants
        )
        if refused is not None:
            message = "the policy does not allow this live call"
            return self._over(stop=refused, message=message)
        values, refs = self._input()
        started = self._started(refs, taint="redacted_input" if masked(values) else "live")
        self._purse.begin()
        asked = Ask(key=step.key, codec=step.codec, parts=values, signature=started.signature)
        try:
            reply = yield asked
        except ReplayError as error:
            return self._over(stop=error.code, message=error.message)
        if not isinstance(reply, Reply):
            return self._over(stop="provider_error", message="no answer was given")
        tokens, cost = Charges(self._recording).of(reply)
        self._purse.spend(tokens=tokens, cost_micro_usd=cost)
        self.page.events += [started, self._ended(started, reply)]
        return self._over(artifacts=self.page.answer(reply.outcome), failed=reply.error is not None)

    def _input(self) -> tuple[dict[str, Value], tuple[ArtifactRef, ...]]:
        parts = self._recording.parts(self._place)
        get = self._recording.get
        values = {part: read(root, get) for part, root in parts.items() if root is not None}
        edits = self._edits.of_input(self._place, Kind.MODEL, after_cut=True)
        values |= changed_parts(edits, values.__getitem__, parts)
        stored = [self.page.store(f"input.{part}", value) for part, value in values.items()]
        return values, tuple(stored)

    def _started(self, refs: tuple[ArtifactRef, ...], *, taint: str) -> StepStarted:
        step = self._recording.started[self._place]
        moved = self._emission.event(self._recording.seqs[self._place], step)
        roots = {ref.role[6:]: str(ref.root) for ref in refs}
        info = ReplayInfo(
            session=self._spec.session,
            mode=Mode.LIVE,
            source=self._recording.source(self._place),
            edit=0 if self._spec.edits else None,
            executor=self._emission.target.executor,
            taint=(taint,),
        )
        return replace(
            cast("StepStarted", moved),
            sequence_no=0,
            writer=0,
            parent_id=None,
            time_ns=self._emission.target.begins_ns,
            signature=signed(step.kind, step.name, roots),
            delta=None,
            artifacts=refs,
            replay=info,
        )

    def _ended(self, started: StepStarted, reply: Reply) -> StepEnded:
        at = StepEnded(
            run_id=started.run_id,
            sequence_no=1,
            time_ns=started.time_ns + reply.elapsed_ns,
            step_id=started.step_id,
            status="ok",
        )
        return ended_with(at, reply.outcome, self.page.answer(reply.outcome), reply=reply)

    def _over(
        self,
        *,
        stop: str | None = None,
        message: str | None = None,
        artifacts: tuple[ArtifactRef, ...] = (),
        failed: bool = False,
    ) -> Executed:
        key = self._recording.started[self._place].key
        last = self.page.events[-1].time_ns if self.page.events else 0
        ended_ns = max(last, self._emission.target.begins_ns) - self._emission.moved(0)
        end = RunEnd(
            run_id=self._recording.start.run_id,
            status=RunStatus.ERROR if failed else RunStatus.CANCELLED if stop else RunStatus.OK,
            ended_ns=ended_ns,
            events={"0": len(self.page.events)},
            artifacts=tuple(ref for ref in artifacts if ref.role == "output"),
        )
        return Executed(
            end=end,
            stop=stop,
            message=message,
            key=key if stop else None,
            source_key=key if stop else None,
            matched=0,
            spend=self._purse.used(),
        )
