"""Rows without their payloads: which are equal, and what digests say of those too late to examine.

These loops see every row of long comparisons, the rest of the classifier a thousand.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import compress

from forkpoint.diff.columns import ASKING, StepRow
from forkpoint.diff.lanes import MOVED
from forkpoint.diff.rows import ABSORBED, PARTLY, PROPAGATED, Rows

OUT = "out"
Sides = tuple[Sequence[StepRow], Sequence[StepRow]]
NO_STEP = StepRow(seq=-1, key="", kind="", name="", status="running")
"""In the place of the step that a row of one side has not: it is equal to none."""


def sides_of(rows: Rows, a: Sequence[StepRow], b: Sequence[StepRow]) -> Sides:
    """The steps of both sides in the order of the rows, `NO_STEP` where there is none."""
    return (
        list(map((*a, NO_STEP).__getitem__, rows.a)),
        list(map((*b, NO_STEP).__getitem__, rows.b)),
    )


def rows_to_class(rows: Rows, sides: Sides) -> list[int]:
    """Rows that are not simply equal: the others neither differ, nor move, nor ask for calls."""
    open_rows = [
        not (
            left.output == right.output
            and left.status == right.status != "running"
            and (left.signature == right.signature is not None or left.parts == right.parts)
            and left.error == right.error
            and right.kind not in ASKING
            and not left.unreadable
            and not right.unreadable
        )
        for left, right in zip(*sides, strict=True)
    ]
    if MOVED in rows.how:
        open_rows = [
            is_open or how == MOVED for is_open, how in zip(open_rows, rows.how, strict=True)
        ]
    return list(compress(range(len(rows)), open_rows))


class Echoes:
    """Classes pairs with other inputs by digests alone: passed on or absorbed, `partly`."""

    def __init__(self, rows: Rows, sides: Sides) -> None:
        self._rows = rows
        self._sides = sides

    def classed(self, todo: Sequence[int]) -> Iterator[tuple[list[int], int]]:
        """Each row of `todo` that is no echo, and the echoes before it, which are classed now."""
        names, flags, part = self._rows.name, self._rows.flags, self._rows.part
        lefts, rights = self._sides
        numbers: dict[tuple[str, bool], int] = {}
        echoes: list[int] = []
        for at in todo:
            left, right = lefts[at], rights[at]
            ours, theirs = left.parts, right.parts
            if ours == theirs or left.signature == right.signature or _is_odd(left, right):
                yield echoes, at
                echoes = []
                continue
            changed = left.status != right.status or left.answer != right.answer
            names[at] = PROPAGATED if changed else ABSORBED
            flags[at] = PARTLY
            if len(ours) == 1 and ours.keys() == theirs.keys():
                [name] = ours
                number = numbers.get((name, changed))
                if number is None:
                    number = self._rows.part_number((name, OUT) if changed else (name,))
                    numbers[name, changed] = number
                part[at] = number
            else:
                part[at] = self._rows.part_number(parts_of(left, right, changed=changed))
            echoes.append(at)


def _is_odd(left: StepRow, right: StepRow) -> bool:
    """Whether more than digests must be looked at."""
    return (
        right.kind == "agent"
        or right.edited
        or right.unreadable
        or left.unreadable
        or left.status == "running"
        or right.status == "running"
    )


def parts_of(left: StepRow, right: StepRow, *, changed: bool) -> tuple[str, ...]:
    """What differs in a pair, `out` at the end if the answer does."""
    parts = differing_parts(left, right)
    return (*parts, OUT) if changed else tuple(parts)


def differing_parts(left: StepRow, right: StepRow) -> list[str]:
    """Names of the input parts whose roots differ, sorted; an agent scope has none."""
    if left.kind == "agent" or left.parts == right.parts:
        return []
    ours, theirs = left.parts, right.parts
    if len(ours) == len(theirs) == 1 and ours.keys() == theirs.keys():
        return list(ours)
    return sorted(name for name in {*ours, *theirs} if ours.get(name) != theirs.get(name))
