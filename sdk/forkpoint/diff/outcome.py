"""What two runs came to, and which rows it came from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from forkpoint.diff.classify import Classifier
from forkpoint.diff.columns import RunColumns
from forkpoint.diff.explain import Sources
from forkpoint.diff.rows import ABSORBED, IDS, QUIET, UNKNOWN, Rows
from forkpoint.diff.table import column


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """By what the runs are judged: their status if it differs, else the root of their output."""

    by: str
    a: str | None
    b: str | None

    @property
    def differs(self) -> bool:
        """Whether the runs came to different ends."""
        return self.a != self.b


def outcome_of(a: RunColumns, b: RunColumns) -> Outcome:
    """The outcome of two runs as far as it is known."""
    if a.status != b.status or None in (a.output, b.output):
        return Outcome(by="status", a=a.status, b=b.status)
    return Outcome(by="output", a=a.output, b=b.output)


def outcome_sources(
    a: RunColumns, b: RunColumns, outcome: Outcome, classifier: Classifier
) -> Sources:
    """Rows that the difference of the outcome came from; empty if there is none.

    The outcome's own text where it is known, steps whose status turned, and, as the weakest
    evidence, the last row that answered differently.
    """
    found: Sources = {}
    if not outcome.differs:
        return found
    if a.output is not None and b.output is not None and a.output != b.output:
        try:
            before, after = classifier.load(a.output), classifier.load(b.output)
        except KeyError:
            before = after = None
        found.update(classifier.explainer.sources_of(before, after))
    rows = classifier.rows
    if outcome.by == "status":
        turned = _turned(a, b, rows)
        found.update((at, 1.0) for at in turned if _answers(a, b, rows, at))
    backwards = range(len(rows) - 1, -1, -1)
    last = next((at for at in backwards if rows.name[at] and _answers(a, b, rows, at)), None)
    if last is not None:
        found.setdefault(last, 0.0)
    return found


def _answers(a: RunColumns, b: RunColumns, rows: Rows, at: int) -> bool:
    """Whether a row may show in the outcome: it answers otherwise, and is no scope."""
    if rows.name[at] in (ABSORBED, UNKNOWN) or rows.flags[at] & QUIET or rows.sub[at] == IDS:
        return False
    step = b.steps[rows.b[at]] if rows.b[at] >= 0 else a.steps[rows.a[at]]
    return step.kind != "agent"


def _turned(a: RunColumns, b: RunColumns, rows: Rows) -> Iterator[int]:
    """Pairs that ended with another status."""
    ours, theirs = column(a.steps, "status"), column(b.steps, "status")
    for at in rows.changed():
        left, right = rows.a[at], rows.b[at]
        if left >= 0 <= right and ours[left] != theirs[right]:
            yield at
