"""A recorded run written again under a new id, step by step, each saying where it comes from.

Every id, number and time of the new run follows from the recording and the session alone, so an
interrupted re-emission that begins again says the same, and the service knows it as a duplicate.
Content is named by root and never copied: the new run shares every block with its recording.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from msgspec.structs import replace

from forkpoint.events.ids import RunId, step_id
from forkpoint.events.kinds import Match, Mode, RunStatus, Verdict
from forkpoint.events.model import (
    ArtifactRef,
    Event,
    Gap,
    Note,
    Origin,
    ReplayInfo,
    RunEnd,
    RunStart,
    SourceRef,
    StepStarted,
)
from forkpoint.replay.prefix import Prefix

_OWN_ROLES = frozenset({"replay_report", "edits", "policy"})
"""Artifacts of a run that tell of its own replay, not of what it did."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """The run that is written."""

    run_id: str
    session: str
    executor: str
    begins_ns: int
    """When the new run begins; every time of the recording is moved by the same amount."""
    sender: str
    """Name and version of what writes it."""


@dataclass(slots=True)
class Reemission:
    """Turns records and events of one recording into those of the new run, in order of `seq`."""

    start: RunStart
    target: Target
    _steps: dict[str, str] = field(default_factory=dict[str, str])
    """Recorded step id -> new one."""

    def opening(self, origin: Origin) -> RunStart:
        """The record that opens the new run."""
        target = self.target
        return replace(
            self.start,
            run_id=target.run_id,
            started_ns=target.begins_ns,
            sdk=target.sender,
            origin=origin,
            artifacts=_kept(self.start.artifacts),
        )

    def keep(self, prefix: Prefix) -> None:
        """The steps of a shared prefix keep their ids."""
        self._steps.update((step, step) for step in prefix.started)

    def new_id(self, step: StepStarted) -> str:
        """The id that a recorded step has in the new run."""
        known = self._steps.get(step.step_id)
        return known or step_id(RunId(self.target.run_id), step.writer, step.key)

    def event(self, seq: int, event: Event) -> Event:
        """The same event in the new run; a step says that it was served as recorded."""
        run, time_ns = RunId(self.target.run_id), self.moved(event.time_ns)
        if isinstance(event, StepStarted):
            new = self.new_id(event)
            self._steps[event.step_id] = new
            return replace(
                event,
                run_id=run,
                time_ns=time_ns,
                step_id=new,
                parent_id=self._known(event.parent_id),
                replay=self.served(event.key, seq),
            )
        if isinstance(event, Gap):
            return replace(event, run_id=run, time_ns=time_ns)
        if isinstance(event, Note):
            return replace(event, run_id=run, time_ns=time_ns, step_id=self._known(event.step_id))
        return replace(
            event, run_id=run, time_ns=time_ns, step_id=self._steps.get(event.step_id, "")
        )

    def served(self, key: str, seq: int) -> ReplayInfo:
        """How a step that was served as recorded came by its answer."""
        return ReplayInfo(
            session=self.target.session,
            mode=Mode.EXACT,
            match=Match.EXACT,
            source=SourceRef(run=self.start.run_id, key=key, seq=seq),
            executor=self.target.executor,
        )

    def closing(
        self, end: RunEnd, verdict: Verdict | None, artifacts: Sequence[ArtifactRef] = ()
    ) -> RunEnd:
        """The record that closes the new run; `artifacts` are added to those of the recording."""
        return replace(
            end,
            run_id=self.target.run_id,
            ended_ns=self.moved(end.ended_ns),
            verdict=verdict,
            artifacts=(*_kept(end.artifacts), *artifacts),
        )

    def cut_short(self, events: Sequence[tuple[int, Event]]) -> RunEnd:
        """The end of a recording that has none, because its writer vanished."""
        counts: dict[str, int] = {}
        for _, event in events:
            counts[str(event.writer)] = counts.get(str(event.writer), 0) + 1
        last = max((event.time_ns for _, event in events), default=self.start.started_ns)
        return RunEnd(
            run_id=self.start.run_id,
            status=RunStatus.INTERRUPTED,
            ended_ns=last,
            events=counts,
        )

    def moved(self, time_ns: int) -> int:
        """A recorded time in the new run."""
        return time_ns - self.start.started_ns + self.target.begins_ns

    def _known(self, recorded: str | None) -> str | None:
        return None if recorded is None else self._steps.get(recorded)


def _kept(artifacts: Sequence[ArtifactRef]) -> tuple[ArtifactRef, ...]:
    return tuple(ref for ref in artifacts if ref.role not in _OWN_ROLES)
