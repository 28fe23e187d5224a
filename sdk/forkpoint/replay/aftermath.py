"""What becomes of a recording around a loop that left it: what runs beside it, and what holds it.

Strands that were spawned before the cut are written again as recorded. Steps around the loop end
when it ends; what they and the run come to is said where it is made of the last reply. What the
program did after the loop is not continued, and counted.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from forkpoint.content.blocks import Value
from forkpoint.errors import ReplayError
from forkpoint.events.kinds import RunStatus
from forkpoint.events.model import ArtifactRef, Event, Gap, Note, RunEnd, StepStarted
from forkpoint.replay.cut import Cut, beside
from forkpoint.replay.edits import EditPlan
from forkpoint.replay.fresh import Page
from forkpoint.replay.identity import is_key, parent_scope
from forkpoint.replay.index import Index
from forkpoint.replay.newsteps import NewSteps
from forkpoint.replay.recording import Recording

Derived = Callable[[str], Value]
"""What stands now where a root stood that was made of the last reply; None if it was not."""


class Aftermath:
    """The rest of a recording once its loop goes its own way."""

    def __init__(
        self, recording: Recording, index: Index, cut: Cut, steps: NewSteps, scope: str
    ) -> None:
        self.replaced = self.not_executed = 0
        """Recorded steps of the loop that others replaced; steps after it, which nobody made."""
        self._recording, self._steps, self._scope = recording, steps, scope
        self._kept = beside(recording, index, cut)
        self._around = _around(recording, index, scope)

    def leave(self, events: Sequence[tuple[int, Event]], written: set[str]) -> None:
        """Write what goes on beside the loop; `written`: ids of recorded steps that began."""
        holders = {self._recording.started[place].step_id for place in self._around}
        for seq, event in events:
            if isinstance(event, Gap | Note):
                continue  # notes tell of the order and the draws of the run that was
            if isinstance(event, StepStarted):
                place = self._recording.by_key[event.key]
                inside = event.parent_id in written and event.parent_id not in holders
                if not (self._kept[place] or inside or place in self._around):
                    self._count(place)
                    continue
                written.add(event.step_id)
            elif event.step_id not in written or event.step_id in holders:
                continue
            self._steps.again(seq, event, beside=True)

    def close(
        self, status: RunStatus, error_class: str | None, derived: Derived, page: Page
    ) -> RunEnd:
        """End the steps around the loop, the innermost first; gives the end of the run."""
        word = "cancelled" if status is RunStatus.CANCELLED else status.value
        for place in self._around:
            refs = self._answer(place, derived, page) if status is RunStatus.OK else []
            step = self._recording.started[place]
            self._steps.close(
                self._steps.new_id(place),
                word,
                writer=step.writer,
                error_class=error_class,
                artifacts=refs,
            )
        root = self._recording.run_output()
        value = derived(root) if root is not None and status is RunStatus.OK else None
        return RunEnd(
            run_id=self._recording.start.run_id,
            status=status,
            ended_ns=self._steps.ended_ns,
            error_class=error_class,
            events=dict(self._steps.counts),
            artifacts=() if value is None else (page.store("output", value),),
        )

    def _answer(self, place: int, derived: Derived, page: Page) -> list[ArtifactRef]:
        root = self._recording.output(place)
        value = None if root is None else derived(root)
        return [] if value is None else [page.store("output", value)]

    def _count(self, place: int) -> None:
        inside = self._recording.scopes[place] == self._scope
        key = self._recording.started[place].key
        if inside or key.startswith((f"{self._scope}.", f"{self._scope}#", f"{self._scope}/")):
            self.replaced += inside
        else:
            self.not_executed += 1


def refuse_past_edits(
    recording: Recording, edits: EditPlan, before: bytearray, cut: Cut | None
) -> None:
    """Raise `cut_invalid` for an edit of a step that is over at the cut."""
    for place in edits.places:
        if before[place] and (cut is None or place != cut.place):
            key = recording.started[place].key
            raise ReplayError(f"step {key} lies before the cut; cut there", code="cut_invalid")


def _around(recording: Recording, index: Index, scope: str) -> list[int]:
    """The steps that hold a scope, the innermost first."""
    found: list[int] = []
    at: str | None = index.longer.get(scope, scope)
    while at is not None:
        if is_key(at) and at in recording.by_key:
            found.append(recording.by_key[at])
        outer = parent_scope(at)
        at = None if outer is None else index.longer.get(outer, outer)
    return found
