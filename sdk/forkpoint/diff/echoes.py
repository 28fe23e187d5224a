"""Rows without their payloads: which are equal, and what digests say of those too late to examine.

These loops see every row of long comparisons, the rest of the classifier a thousand.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import compress

from forkpoint.diff.columns import ASKING, StepRow
from forkpoint.diff.control import Control
from forkpoint.diff.lanes import MOVED
from forkpoint.diff.rows import ABSORBED, PARTLY, PROPAGATED, Rows

OUT = "out"
NO_STEP = StepRow(seq=-1, key="", kind="", name="", status="running")
"""In the place of the step that a row of one side has not: it is equal to none."""


class Echoes:
    """The steps of rows, and pairs with other inputs classed by digests alone, `partly`."""

    def __init__(self, rows: Rows, a: Sequence[StepRow], b: Sequence[StepRow]) -> None:
        self._rows = rows
        self._lefts: list[StepRow] = list(map((*a, NO_STEP).__getitem__, rows.a))
        self._rights: list[StepRow] = list(map((*b, NO_STEP).__getitem__, rows.b))

    def sides(self, at: int) -> tuple[StepRow, StepRow]:
        """The steps of a row, `NO_STEP` where there is none."""
        return self._lefts[at], self._rights[at]

    def is_same(self, at: int) -> bool:
        """Whether a row has equal inputs and an equal answer, and both are known."""
        return is_same(*self.sides(at))

    def of_b(self, at: int) -> tuple[str, str]:
        """Call key and kind of B's step of a row."""
        step = self._rights[at]
        return step.key, step.kind

    def owners(self, begin: int, end: int) -> set[str]:
        """The input parts that B's calls in some rows have, by `owner_of`."""
        return {owner_of(step, part) for step in self._rights[begin:end] for part in step.parts}

    def todo(self) -> list[int]:
        """Rows that are not simply equal: the others do not differ, move, or ask for calls."""
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
            for left, right in zip(self._lefts, self._rights, strict=True)
        ]
        if MOVED in self._rows.how:
            open_rows = [
                is_open or how == MOVED
                for is_open, how in zip(open_rows, self._rows.how, strict=True)
            ]
        return list(compress(range(len(self._rows)), open_rows))

    def classed(self, todo: Sequence[int], control: Control) -> Iterator[int]:
        """Each row of `todo` that is no echo; the echoes before it are classed and passed then."""
        names, flags, part = self._rows.name, self._rows.flags, self._rows.part
        lefts, rights = self._lefts, self._rights
        numbers: dict[tuple[str, bool], int] = {}
        echoes: list[int] = []
        for at in todo:
            left, right = lefts[at], rights[at]
            ours, theirs = left.parts, right.parts
            if ours == theirs or left.signature == right.signature or _is_odd(left, right):
                control.all_passed(echoes, rights, names)
                yield at
                echoes = []
                continue
            changed = left.status != right.status or left.answer != right.answer
            names[at] = PROPAGATED if changed else ABSORBED
            flags[at] = PARTLY
            if len(ours) == 1 and ours.keys() == theirs.keys() and left.kind != "agent":
                [name] = ours
                number = numbers.get((name, changed))
                if number is None:
                    number = self._rows.part_number((name, OUT) if changed else (name,))
                    numbers[name, changed] = number
                part[at] = number
            else:
                part[at] = self._rows.part_number(parts_of(left, right, changed=changed))
            echoes.append(at)


def open_echoes(rows: Rows, a: Sequence[StepRow], b: Sequence[StepRow]) -> Echoes:
    """The rows of runs of any kind."""
    return Echoes(rows, a, b)


def is_same(left: StepRow, right: StepRow) -> bool:
    """Equal inputs, equal answer, and both known."""
    return (
        left.output == right.output
        and left.status == right.status
        and left.error == right.error
        and (
            (left.signature == right.signature and left.signature is not None)
            or left.parts == right.parts
            or left.kind == "agent"
        )
        and not (left.unreadable or right.unreadable)
        and left.status != "running"
    )


def owner_of(step: StepRow, part: str) -> str:
    """Whose differences are the same ones: parts of calls of one kind and name."""
    return f"{step.kind} {step.name} {part}"


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
