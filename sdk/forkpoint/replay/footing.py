"""Where a worker's fork stands: its cut, what lies before it, its edits, and its ladder."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from forkpoint.replay.aftermath import refuse_past_edits
from forkpoint.replay.cut import Cut, past
from forkpoint.replay.edits import EditPlan
from forkpoint.replay.fresh import Page
from forkpoint.replay.index import Index, build
from forkpoint.replay.ladder import Ladder
from forkpoint.replay.recording import Recording
from forkpoint.replay.spec import ReplaySpec


@dataclass(frozen=True, slots=True, kw_only=True)
class Footing:
    """What executors of forks begin with."""

    index: Index
    past: bytearray
    """By step: 1 for those that lie before the cut; all 0 without one."""
    edits: EditPlan
    ladder: Ladder

    @classmethod
    def of(
        cls,
        recording: Recording,
        spec: ReplaySpec,
        cut: Cut | None,
        page: Page,
        *,
        now: Callable[[], int],
        growing: bool = False,
    ) -> Footing:
        """`growing`: edits may be for steps that only the new run has.

        Raises `ReplayError` for edits that change the past.
        """
        index = build(recording)
        edits = EditPlan(spec.edits, recording, cut, growing=growing)
        before = bytearray(len(recording)) if cut is None else past(recording, index, cut)
        refuse_past_edits(recording, edits, before, cut)
        ladder = Ladder(recording, index, spec, page, now=now)
        return cls(index=index, past=before, edits=edits, ladder=ladder)
