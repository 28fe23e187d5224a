"""Parts that grow from call to call: only what is new in them is looked at again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from forkpoint.diff.leaves import mark


@dataclass(slots=True)
class History:
    """One part as the last call had it on both sides, and its units without a counterpart."""

    before: list[object]
    after: list[object]
    gone: Counter[str] = field(default_factory=Counter[str])
    new: Counter[str] = field(default_factory=Counter[str])

    def goes_on(self, before: list[object], after: list[object]) -> bool:
        """Whether both sides only have more than the last call had."""
        return before[: len(self.before)] == self.before and after[: len(self.after)] == self.after

    def advance(
        self, before: list[object], after: list[object]
    ) -> tuple[list[object], list[object]]:
        """What the two sides have now and had not; units that meet a counterpart are left out."""
        tail_a, tail_b = before[len(self.before) :], after[len(self.after) :]
        marks_a, marks_b = [mark(unit) for unit in tail_a], [mark(unit) for unit in tail_b]
        self.before, self.after = before, after
        both = Counter(marks_a) & Counter(marks_b)
        gone = _left(tail_a, marks_a, Counter(both), self.new)
        new = _left(tail_b, marks_b, Counter(both), self.gone)
        self.gone.update(name for name, _ in gone)
        self.new.update(name for name, _ in new)
        return [unit for _, unit in gone], [unit for _, unit in new]


def _left(
    units: Sequence[object], marks: Sequence[str], both: Counter[str], others: Counter[str]
) -> list[tuple[str, object]]:
    """Units that neither the other side's new units nor its old ones account for."""
    found: list[tuple[str, object]] = []
    for name, unit in zip(marks, units, strict=True):
        if both[name] > 0:
            both[name] -= 1
        elif others[name] > 0:
            others[name] -= 1
        else:
            found.append((name, unit))
    return found
