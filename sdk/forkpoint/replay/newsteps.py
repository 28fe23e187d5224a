"""Events of a run that goes on after a cut: recorded ones again, and steps nobody recorded.

Every event is numbered anew by its writer. A new step begins when the one before it in its loop was
over, and takes as long as its model took or as the recorded step whose answer it got.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from msgspec.structs import replace

from forkpoint.events.ids import RunId, step_id
from forkpoint.events.kinds import Match, Mode
from forkpoint.events.model import (
    ArtifactRef,
    Event,
    ReplayInfo,
    SourceRef,
    StepEnded,
    StepStarted,
)
from forkpoint.replay.fresh import Page, ended_with
from forkpoint.replay.interception import Outcome
from forkpoint.replay.ladder import Given, Wanted
from forkpoint.replay.recording import Recording
from forkpoint.replay.reemit import Reemission
from forkpoint.replay.rules import Treatment
from forkpoint.replay.spec import ReplaySpec
from forkpoint.replay.taint import Taints


class NewSteps:
    """Writes to `page`; `like` is a step of the loop, whose writer and strand the new ones have."""

    def __init__(
        self, recording: Recording, emission: Reemission, spec: ReplaySpec, page: Page, *, like: int
    ) -> None:
        self.matched = 0
        """Recorded steps written again: those before the cut, and those served at their place."""
        self.counts = Counter[str]()
        self.taints = Taints()
        step = recording.started[like]
        self.strand, self.writer = step.strand, step.writer
        self._recording, self._emission, self._spec, self._page = recording, emission, spec, page
        self._run = RunId(emission.target.run_id)
        parent = next((s for s in recording.started if s.step_id == step.parent_id), None)
        self._above = parent
        self._now = emission.target.begins_ns
        self.last_ns = self._now

    def again(
        self, seq: int, event: Event, *, beside: bool = False, treatment: Treatment | None = None
    ) -> None:
        """A recorded event; `beside` the loop, whose time it does not move.

        `treatment`: the rule under which a step after the cut is served as recorded.
        """
        moved = self._emission.event(seq, event)
        if treatment is not None and isinstance(moved, StepStarted) and moved.replay is not None:
            info = replace(moved.replay, mode=treatment.mode, rule=treatment.rule)
            moved = replace(moved, replay=info)
        if not beside:
            self._now = max(self._now, moved.time_ns)
        self._emit(moved)

    def keep(self, event: Event) -> None:
        """A recorded event that is not written: the new run shares it."""
        moved = self._emission.moved(event.time_ns)
        self._now = max(self._now, moved)
        self.last_ns = max(self.last_ns, moved)
        self.counts[str(event.writer)] += 1

    def begin(
        self,
        wanted: Wanted,
        given: Given | None,
        *,
        like: int | None,
        refs: Sequence[ArtifactRef],
        model: str | None,
        delta: str | None,
    ) -> str:
        """A new step begins; `given` is how it will end, None if nobody can say. Gives its id."""
        step = None if like is None else self._recording.started[like]
        new = step_id(self._run, self.writer, wanted.key)
        self._emit(
            StepStarted(
                run_id=self._run,
                sequence_no=0,
                time_ns=self._now,
                writer=self.writer,
                step_id=new,
                kind=wanted.kind,
                name=wanted.name,
                key=wanted.key,
                strand=self.strand,
                parent_id=None if self._above is None else self._emission.new_id(self._above),
                site=wanted.site,
                subtype=step.subtype if step else None,
                effect=wanted.effect,
                codec=wanted.codec,
                model=model,
                signature=wanted.signature,
                delta=delta,
                artifacts=tuple(refs),
                replay=self._info(wanted, given),
            )
        )
        return new

    def end(self, step: str, wanted: Wanted, given: Given, *, late_s: float = 0) -> None:
        """It ends with its answer."""
        source = wanted.place if given.outcome is None else given.source
        recorded = None if source is None else self._recording.ended[source]
        if given.borrowed is not None and given.outcome is not None:
            recorded = given.outcome.ended
        took = 0 if given.reply is None else given.reply.elapsed_ns
        if source is not None and recorded is not None:
            took = max(0, recorded.time_ns - self._recording.started[source].time_ns)
        self._now += took + int(late_s * 1e9)
        at = self._ended(step, "ok")
        if recorded is not None:
            self._emit(_as(recorded, at))
            return
        outcome = given.outcome or Outcome()
        refs = self._page.answer(outcome)
        self._emit(ended_with(at, outcome, refs, reply=given.reply))

    def close(
        self,
        step: str,
        status: str,
        *,
        writer: int,
        error_class: str | None = None,
        artifacts: Sequence[ArtifactRef] = (),
    ) -> None:
        """A step around the loop, or the one it stopped at, is over."""
        at = self._ended(step, status)
        self._emit(replace(at, writer=writer, error_class=error_class, artifacts=tuple(artifacts)))

    def new_id(self, place: int) -> str:
        """The id that a recorded step has in the new run."""
        return self._emission.new_id(self._recording.started[place])

    @property
    def ended_ns(self) -> int:
        """When the new run is over, in the time of the recording, as a `RunEnd` to be moved."""
        return max(self._now, self.last_ns) - self._emission.moved(0)

    def _ended(self, step: str, status: str) -> StepEnded:
        return StepEnded(
            run_id=self._run,
            sequence_no=0,
            time_ns=self._now,
            writer=self.writer,
            step_id=step,
            status="ok" if status == "ok" else "error" if status == "error" else "cancelled",
        )

    def _info(self, wanted: Wanted, given: Given | None) -> ReplayInfo:
        place = wanted.place
        if given is None:
            source = None if place is None else self._recording.source(place)
            return self._said(Mode.CACHED, Match.NONE, source, None, given)
        if given.borrowed is not None:
            return self._said(given.mode, Match.MOVED, given.borrowed, None, given)
        at = given.source if given.source is not None else place
        source = None if at is None else self._recording.source(at)
        served = given.how == "recorded"
        match = (Match.EXACT if at == place else Match.MOVED) if served else Match.NONE
        return self._said(given.mode, match, source, given.taint, given)

    def _said(
        self,
        mode: Mode,
        match: Match,
        source: SourceRef | None,
        taint: str | None,
        given: Given | None,
    ) -> ReplayInfo:
        return ReplayInfo(
            session=self._spec.session,
            mode=mode,
            match=match,
            source=source,
            rule=None if given is None else given.rule,
            edit=None if given is None else given.edit,
            executor=self._emission.target.executor,
            taint=self.taints.of(self.strand, new=taint),
        )

    def _emit(self, event: Event) -> None:
        writer = str(event.writer)
        event = replace(event, sequence_no=self.counts[writer])
        self.counts[writer] += 1
        self.last_ns = max(self.last_ns, event.time_ns)
        self._page.events.append(event)


def _as(recorded: StepEnded, at: StepEnded) -> StepEnded:
    """A recorded end at another place and time."""
    return replace(
        recorded,
        run_id=at.run_id,
        time_ns=at.time_ns,
        writer=at.writer,
        step_id=at.step_id,
    )
