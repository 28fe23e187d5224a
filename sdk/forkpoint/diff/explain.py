"""Whether what is new in an input came out of earlier changed steps (diff guide, section 5).

A part is compared by its units: the items of a list, the entries of an object. In the units that
differ each leaf is looked for among the answers of earlier changed steps: as a value (a JSON text
equals its value), as the text that comes out when A's answers are replaced by B's, or in pieces. A
difference that came from nowhere is reported once; where it is seen again it is explained by that.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import cast

from forkpoint.diff.histories import History
from forkpoint.diff.known import Known, Source
from forkpoint.diff.leaves import SHORT, mark, parsed, scalars
from forkpoint.diff.substitution import Substitution

MOST_SOURCES = 64
"""Rows that are kept as the sources of one part, the latest."""
Sources = dict[int, float]
"""Row of an earlier changed step -> strength of the hop, 0 to 1."""


class Verdict(IntEnum):
    """How much of a difference is explained."""

    NOTHING = 0
    PARTLY = 1
    ALL = 2


@dataclass(slots=True)
class Explained:
    """One part: how much is explained, something of it at least, and by which rows."""

    verdict: Verdict
    some: bool = False
    sources: Sources = field(default_factory=Sources)


class Explainer:
    """What changed steps have handed back so far on both sides."""

    def __init__(self) -> None:
        self.a, self.b = Known(), Known()
        self._pairs = Substitution()
        self._histories: dict[tuple[str, str], tuple[History, Explained]] = {}

    def answered(self, row: int, before: object, after: object) -> None:
        """A changed step answered: A's and B's values, `ABSENT` for a side without the step."""
        if before is not ABSENT:
            self.a.add(before, row)
        if after is not ABSENT:
            self.b.add(after, row)
        if before is not ABSENT and after is not ABSENT:
            self._pairs.add(before, after, row)

    def renamed(self, row: int, before: object, after: object) -> None:
        """A step answered the same but for names drawn for it; only those are news."""
        one, two = scalars(before), scalars(after)
        self.a.add_leaves(one - two, row)
        self.b.add_leaves(two - one, row)

    def moved(self, row: int, before: object) -> None:
        """A call that B makes at another place: A's answer is known from the beginning."""
        if before is not ABSENT:
            self.a.add(before, row)

    def asked(self, row: int, part: str, before: object, after: object) -> None:
        """A step from nowhere asked this: what repeats it later is explained by it."""
        for side, value in ((self.a, before), (self.b, after)):
            if value is not ABSENT:
                side.carry(part, scalars(value), row)

    def settle(self, part: str) -> None:
        """This part of a step is equal: a difference that was seen in it is over."""
        self.a.settle(part)
        self.b.settle(part)

    def explain(
        self, row: int, part: str, before: object, after: object, *, scope: str = ""
    ) -> Explained:
        """One part that differs; what is unexplained is remembered under this row.

        Calls of one `scope` that repeat what they said before are looked at where they go on.
        """
        if isinstance(before, str) and isinstance(after, str) and _are_plain(before, after):
            return self._texts(row, part, before, after)
        if not isinstance(before, list) or not isinstance(after, list):
            units = differing_units(cast("object", before), after)
            return self._explain(row, part, *units)
        left, right = cast("list[object]", before), cast("list[object]", after)
        known = self._histories.get((scope, part))
        if known is None or not known[0].goes_on(left, right):
            gone, new = differing_units(left, right)
            found = self._explain(row, part, gone, new)
            marks = Counter(map(mark, gone)), Counter(map(mark, new))
            self._histories[scope, part] = History(left, right, *marks), found
            return found
        history, last = known
        gone, new = history.advance(left, right)
        found = self._explain(row, part, gone, new) if gone or new else Explained(Verdict.ALL)
        if last.verdict is Verdict.PARTLY:
            found.verdict = min(found.verdict, Verdict.PARTLY)
        found.some = True
        found.sources = dict([*last.sources.items(), *found.sources.items()][-MOST_SOURCES:])
        self._histories[scope, part] = history, found
        return found

    def _explain(
        self, row: int, part: str, gone: Sequence[object], new: Sequence[object]
    ) -> Explained:
        leaves_gone, leaves_new = [scalars(unit) for unit in gone], [scalars(unit) for unit in new]
        all_gone, all_new = _union(leaves_gone), _union(leaves_new)
        found = Explained(Verdict.ALL)
        substituted = self._pairs.explained(all_gone - all_new, all_new - all_gone)
        for side, units, others in (
            (self.a, leaves_gone, all_new),
            (self.b, leaves_new, all_gone),
        ):
            for leaves in units:
                one = self._unit(side, part, leaves, others, substituted)
                found.verdict = min(found.verdict, one.verdict)
                found.some = found.some or one.some
                for each in one.sources.items():
                    _merge(found.sources, Source(*each))
        if not gone and not new:
            return Explained(Verdict.NOTHING)
        if found.verdict is Verdict.NOTHING:
            self.a.carry(part, all_gone - all_new, row)
            self.b.carry(part, all_new - all_gone, row)
        return found

    def _texts(self, row: int, part: str, before: str, after: str) -> Explained:
        """As `_explain`, of two texts that are nothing else: the most frequent difference."""
        both = self._pairs.turned(before, after)
        found = Explained(Verdict.ALL)
        for side, leaf in ((self.a, before), (self.b, after)):
            source = side.source(leaf) or side.carried(part, leaf) or both
            if source is None:
                source = side.containing(leaf)
                found.verdict = Verdict.NOTHING if source is None else min(found.verdict, _PARTLY)
            if source is not None:
                found.some = True
                _merge(found.sources, source)
        if found.verdict is Verdict.NOTHING:
            self.a.carry(part, (before,), row)
            self.b.carry(part, (after,), row)
        return found

    def sources_of(self, before: object, after: object) -> Sources:
        """Rows whose answers are found in what differs between two values."""
        found: Sources = {}
        gone, new = differing_units(before, after)
        for side, units in ((self.a, gone), (self.b, new)):
            for leaf in set[str]().union(*map(scalars, units)):
                source = side.source(leaf) or side.containing(leaf)
                if source is not None:
                    _merge(found, source)
        return found

    def _unit(
        self,
        side: Known,
        part: str,
        leaves: set[str],
        others: set[str],
        substituted: Mapping[str, Source],
    ) -> Explained:
        """One unit that differs: all, some or none of its own leaves are explained."""
        own = leaves - others
        verdicts: list[tuple[str, Verdict]] = []
        sources: Sources = {}
        for leaf in own or leaves:
            source = side.source(leaf) or side.carried(part, leaf) or substituted.get(leaf)
            verdict = Verdict.ALL
            if source is None:
                source = side.containing(leaf)
                verdict = Verdict.NOTHING if source is None else Verdict.PARTLY
            if source is not None:
                _merge(sources, source)
            verdicts.append((leaf, verdict))
        if not own and any(verdict is not Verdict.ALL for _, verdict in verdicts):
            return Explained(Verdict.NOTHING, sources=sources)
        return Explained(_of_unit(verdicts), bool(sources), sources)


class _Absent:
    """The side that has no such step or part."""


ABSENT = _Absent()


def _of_unit(verdicts: Sequence[tuple[str, Verdict]]) -> Verdict:
    """Short leaves beside an explained one are its frame (`"role": "tool"`), not news."""
    least, nothing = Verdict.ALL, False
    for leaf, verdict in verdicts:
        if verdict is not Verdict.NOTHING:
            least = min(least, verdict)
        elif len(leaf) >= SHORT:
            return Verdict.NOTHING
        else:
            nothing = True
    some = not nothing or any(verdict is not Verdict.NOTHING for _, verdict in verdicts)
    return least if some else Verdict.NOTHING


def _are_plain(before: str, after: str) -> bool:
    """Whether two texts differ and stand for nothing but themselves."""
    return before != after and parsed(before) is None and parsed(after) is None


def _union(sets: Sequence[set[str]]) -> set[str]:
    return sets[0] if len(sets) == 1 else set(_NOTHING.union(*sets))


_NOTHING = frozenset[str]()
_PARTLY = Verdict.PARTLY


def differing_units(before: object, after: object) -> tuple[list[object], list[object]]:
    """Units that only A's value has, and those only B's has; a missing value has none."""
    if isinstance(before, str) and isinstance(after, str) and before != after:
        return [before], [after]
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        return _entries(cast("Mapping[str, object]", before), cast("Mapping[str, object]", after))
    left, right = _units(cast("object", before)), _units(after)
    start = 0
    shortest = min(len(left), len(right))
    while start < shortest and left[start] == right[start]:
        start += 1
    if len(left) == len(right) == start + 1 and mark(left[start]) != mark(right[start]):
        return left[start:], right[start:]
    marks_a, marks_b = [mark(unit) for unit in left[start:]], [mark(unit) for unit in right[start:]]
    extra_a, extra_b = Counter(marks_a) - Counter(marks_b), Counter(marks_b) - Counter(marks_a)
    return (
        list(_taken(left[start:], marks_a, extra_a)),
        list(_taken(right[start:], marks_b, extra_b)),
    )


def _units(value: object) -> list[object]:
    if value is ABSENT:
        return []
    if isinstance(value, list):
        return cast("list[object]", value)
    return [value]


def _taken(units: Sequence[object], marks: Sequence[str], extra: Counter[str]) -> Iterator[object]:
    left = Counter(extra)
    # from the end: what a longer list has more of is what it ends with
    chosen: list[object] = []
    for unit, name in zip(reversed(units), reversed(marks), strict=True):
        if left[name] > 0:
            left[name] -= 1
            chosen.append(unit)
    return reversed(chosen)


def _entries(
    before: Mapping[str, object], after: Mapping[str, object]
) -> tuple[list[object], list[object]]:
    gone = [{key: value} for key, value in before.items() if _other(after, key, value)]
    new = [{key: value} for key, value in after.items() if _other(before, key, value)]
    return list(gone), list(new)


def _other(entries: Mapping[str, object], key: str, value: object) -> bool:
    return key not in entries or mark(entries[key]) != mark(value)


def _merge(into: Sources, more: Source) -> None:
    if more.weight > into.get(more.row, -1.0):
        into[more.row] = more.weight
