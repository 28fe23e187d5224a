"""Rows with numpy: their order, and what digests alone say of each.

The same as `rows.laid_out` and `echoes.Echoes`, which work everywhere.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from forkpoint.diff import echoes, rows, vectors
from forkpoint.diff.alignment import Alignment
from forkpoint.diff.columns import ASKING, StepRow
from forkpoint.diff.control import Control
from forkpoint.diff.echoes import NO_STEP, OUT, Call, Echoes
from forkpoint.diff.interning import by_scope
from forkpoint.diff.lanes import MOVED
from forkpoint.diff.rows import ABSORBED, ALONE, PARTLY, PROPAGATED, Rows
from forkpoint.diff.table import INPUT, Coded, StepTable
from forkpoint.diff.vectorcolumns import Flags, are_long, array_of, same_codes, words_of
from forkpoint.diff.vectors import Ints

Number = TypeVar("Number", bound=np.generic)
MOST_ROLES = 32
"""Roles of payloads of two runs up to which each is looked at as a column."""


def laid_out(alignment: Alignment) -> Rows:
    """As `rows.laid_out`."""
    if len(alignment.twins) + alignment.length_b < vectors.LEAST:
        return rows.laid_out(alignment)
    twins = np.asarray(alignment.twins, dtype=np.int64)
    hows = np.frombuffer(alignment.hows, dtype=np.uint8)
    back = np.asarray(alignment.back, dtype=np.int64)
    paired = np.flatnonzero((twins >= 0) & (hows != MOVED))
    lone = np.flatnonzero(twins < 0)
    before = np.searchsorted(paired, lone)  # how many pairs stand before each lone step
    anchors = np.concatenate([[-1], twins[paired]])[before]
    count_b = len(back)
    places = np.concatenate([2 * np.arange(count_b), 2 * anchors + 1])
    order = np.argsort(places, kind="stable")
    found = Rows()
    found.a.frombytes(np.concatenate([back, lone])[order].astype(np.int32).tobytes())
    of_b = np.concatenate([np.arange(count_b), np.full(len(lone), -1)])
    found.b.frombytes(of_b[order].astype(np.int32).tobytes())
    how = np.full(len(order), ALONE, dtype=np.uint8)
    how[:count_b][back >= 0] = hows[back[back >= 0]]
    found.how = bytearray(how[order].tobytes())
    rows.unclassed(found)
    return found


def open_echoes(rows: Rows, a: Sequence[StepRow], b: Sequence[StepRow]) -> Echoes:
    """What is known of rows: arrays of long tables, else what works everywhere."""
    if isinstance(a, StepTable) and isinstance(b, StepTable) and are_long(a, b):
        found = TableEchoes(rows, a, b)
        if found.fits:
            return found
    return echoes.open_echoes(rows, list(a), list(b))


class TableEchoes(Echoes):
    """As `Echoes`, over packed columns; a step is made when it is asked for."""

    def __init__(self, rows: Rows, a: StepTable, b: StepTable) -> None:
        self._rows = rows
        self._a, self._b = a, b
        left, right = (np.frombuffer(side, dtype=np.int32) for side in (rows.a, rows.b))
        self._paired = np.flatnonzero((left >= 0) & (right >= 0))
        self._at_a, self._at_b = left[self._paired], right[self._paired]
        roles = {*a.payloads.roles.values, *b.payloads.roles.values}
        self._roles = sorted(role for role in roles if role is not None)

    @property
    def fits(self) -> bool:
        """Whether the roles of payloads are few enough."""
        return len(self._roles) <= MOST_ROLES

    def sides(self, at: int) -> tuple[StepRow, StepRow]:
        """As `Echoes.sides`."""
        left, right = self._rows.a[at], self._rows.b[at]
        return (
            self._a.brief(left) if left >= 0 else NO_STEP,
            self._b.brief(right) if right >= 0 else NO_STEP,
        )

    def is_same(self, at: int) -> bool:
        """As `Echoes.is_same`."""
        return bool(self._same[at])

    def of_b(self, at: int) -> tuple[str, str]:
        """As `Echoes.of_b`."""
        step = self._rows.b[at]
        return self._b.keys[step], self._b.kind[step] or ""

    def calls(self, begin: int, end: int) -> set[Call]:
        """As `Echoes.calls`: one step of each kind, name and set of parts is made."""
        numbers = self._call_numbers
        steps = {numbers[step]: step for step in self._rows.b[begin:end]}
        rows = map(self._b.brief, steps.values())
        return {(step.kind, step.name, tuple(step.parts)) for step in rows}

    def todo(self) -> list[int]:
        """As `Echoes.todo`."""
        asking = self._of_b(self._b.kind, *ASKING)
        simple = self._spread(self._answered_same & self._asked_same & ~asking)
        moved = np.frombuffer(self._rows.how, dtype=np.uint8) == MOVED
        return np.flatnonzero(~simple | moved).tolist()

    def classed(self, todo: Sequence[int], control: Control) -> Iterator[int]:
        """As `Echoes.classed`."""
        if not todo:
            return
        rows, places = self._rows, np.array(todo)
        names, flags, part = (
            np.frombuffer(column, dtype=kind)
            for column, kind in ((rows.name, np.uint8), (rows.flags, np.uint8), (rows.part, "H"))
        )
        echoed = self._echoed[places]
        found = places[echoed]
        changed = self._spread(self._changed)[found]
        names[found] = np.where(changed, PROPAGATED, ABSORBED)
        flags[found] = PARTLY
        agents = self._of_a(self._a.kind, "agent")  # whose inputs are those of the steps inside
        differing = self._spread(np.where(agents, 0, self._differing))
        masks = (differing[found] << 1) | changed
        sets, first, which = np.unique(masks, return_index=True, return_inverse=True)
        begun = np.flatnonzero(echoed)[first]  # where in `todo` each set of parts is seen first
        waiting = sorted(zip(begun.tolist(), range(len(sets)), strict=True), reverse=True)
        numbers = np.zeros(len(sets), dtype=np.uint16)
        before = 0
        for place in [*np.flatnonzero(~echoed).tolist(), len(todo)]:
            while waiting and waiting[-1][0] < place:
                _, which_set = waiting.pop()
                numbers[which_set] = rows.part_number(self._parts(int(sets[which_set])))
            if place < len(todo):
                self._passed(places[before:place], control)
                yield todo[place]
                before = place + 1
        part[found] = numbers[which]

    def _passed(self, echoed: Ints, control: Control) -> None:
        """What a stretch of echoes tells who asked: of each scope a few rows say it all."""
        if not len(echoed):
            return
        steps = np.frombuffer(self._rows.b, dtype=np.int32)[echoed]
        scopes = self._scopes[steps]
        changed = np.frombuffer(self._rows.name, dtype=np.uint8)[echoed] == PROPAGATED
        asks = self._asks[steps]
        chosen: list[int] = []
        for scope in np.unique(scopes) if bool((scopes != scopes[0]).any()) else scopes[:1]:
            inside = np.flatnonzero(scopes == scope)
            asked = np.flatnonzero(asks[inside])
            inside = inside[asked[-1] :] if len(asked) else inside
            told = inside[changed[inside]]
            chosen += [int(inside[0]), *told[:1].tolist(), *told[-1:].tolist()]
        for place in sorted(set(chosen)):
            at = int(echoed[place])
            control.passed(*self.of_b(at), at, changed=bool(changed[place]))

    def _parts(self, mask: int) -> tuple[str, ...]:
        """Names of the parts that differ, `out` at the end if the answer does."""
        roles = (role for bit, role in enumerate(self._roles) if mask >> bit + 1 & 1)
        names = sorted(role.removeprefix(INPUT) for role in roles)
        return (*names, OUT) if mask & 1 else tuple(names)

    def _spread(self, values: NDArray[Number]) -> NDArray[Number]:
        """Values of pairs as values of rows; 0 for steps of one side."""
        found = np.zeros(len(self._rows), dtype=values.dtype)
        found[self._paired] = values
        return found

    @cached_property
    def _same(self) -> Flags:
        agents = self._of_a(self._a.kind, "agent")
        return self._spread(self._answered_same & (self._asked_same | agents))

    @cached_property
    def _echoed(self) -> Flags:
        """Pairs whose inputs differ by digests, and of which no more needs to be looked at."""
        a, b = self._a, self._b
        odd = self._of_b(b.kind, "agent") | self._flags(b.edited)[self._at_b]
        odd |= self._of_a(a.status, "running") | self._of_b(b.status, "running")
        digests = self._digests_equal
        return self._spread((self._differing != 0) & ~digests & ~odd & ~self._unreadable)

    @cached_property
    def _changed(self) -> Flags:
        """Pairs that ended or answered otherwise: an output counts before an error."""
        (outs_a, outs_b), (errors_a, errors_b) = self._places("output"), self._places("error")
        ours = np.where(outs_a >= 0, outs_a, errors_a)
        theirs = np.where(outs_b >= 0, outs_b, errors_b)
        return ~self._status_equal | ~self._roots_equal(ours, theirs)

    @cached_property
    def _answered_same(self) -> Flags:
        """Pairs with equal outputs, errors and status that are over and can be read."""
        over = ~self._of_a(self._a.status, "running")
        found = self._status_equal & over & ~self._unreadable
        for role in ("output", "error"):
            found &= self._roots_equal(*self._places(role))
        return found

    @cached_property
    def _asked_same(self) -> Flags:
        """Pairs with equal inputs, by signature or part by part."""
        known = words_of(self._a.signature)[self._at_a].any(axis=1)
        return (self._digests_equal & known) | (self._differing == 0)

    @cached_property
    def _digests_equal(self) -> Flags:
        """Pairs with equal signatures, or none."""
        left, right = words_of(self._a.signature), words_of(self._b.signature)
        return (left[self._at_a] == right[self._at_b]).all(axis=1)

    @cached_property
    def _status_equal(self) -> Flags:
        left, right = same_codes(self._a.status, self._b.status)
        return left[self._at_a] == right[self._at_b]

    @cached_property
    def _unreadable(self) -> Flags:
        left, right = self._flags(self._a.unreadable), self._flags(self._b.unreadable)
        return left[self._at_a] | right[self._at_b]

    @cached_property
    def _differing(self) -> Ints:
        """Of each pair: a bit for each role of an input part that differs."""
        found = np.zeros(len(self._paired), dtype=np.int64)
        for bit, role in enumerate(self._roles):
            if role.startswith(INPUT):
                found |= (~self._roots_equal(*self._places(role))).astype(np.int64) << bit
        return found

    def _places(self, role: str) -> tuple[Ints, Ints]:
        """Of each pair: where the roots of a role lie on both sides, -1 for none."""
        found: list[Ints] = []
        for side, steps in ((self._a, self._at_a), (self._b, self._at_b)):
            place = np.full(len(side), -1, dtype=np.int64)
            roles = side.payloads.roles
            if role in roles.values:
                number = list(roles.values).index(role)
                having = np.flatnonzero(np.frombuffer(roles.codes, dtype=np.int32) == number)
                place[np.frombuffer(side.payloads.owners, dtype=np.int32)[having]] = having
            found.append(place[steps])
        return found[0], found[1]

    def _roots_equal(self, left: Ints, right: Ints) -> Flags:
        """Equal roots, or none on both sides."""
        found = (left < 0) & (right < 0)
        both = np.flatnonzero((left >= 0) & (right >= 0))
        ours, theirs = words_of(self._a.payloads.roots), words_of(self._b.payloads.roots)
        found[both] = (ours[left[both]] == theirs[right[both]]).all(axis=1)
        return found

    def _of_a(self, column: Coded, *values: str) -> Flags:
        return _is_one(column, values)[self._at_a]

    def _of_b(self, column: Coded, *values: str) -> Flags:
        return _is_one(column, values)[self._at_b]

    @staticmethod
    def _flags(column: bytes) -> Flags:
        return np.frombuffer(column, dtype=np.uint8) != 0

    @cached_property
    def _asks(self) -> Flags:
        return _is_one(self._b.kind, ASKING)

    @cached_property
    def _scopes(self) -> Ints:
        """The scope of each step of B, numbered."""
        found = np.zeros(len(self._b), dtype=np.int64)
        for number, steps in enumerate(by_scope(self._b.keys).values()):
            found[steps] = number
        return found

    @cached_property
    def _call_numbers(self) -> list[int]:
        """A number for each step of B, equal for equal kinds, names and sets of parts."""
        b = self._b
        masks = np.zeros(len(b), dtype=np.int64)
        roles = array_of(b.payloads.roles)
        np.bitwise_or.at(masks, np.frombuffer(b.payloads.owners, dtype=np.int32), 1 << roles)
        calls = (masks << 3 | array_of(b.kind)) * len(b.name.values) + array_of(b.name)
        return np.unique(calls, return_inverse=True)[1].tolist()


def _is_one(column: Coded, values: Sequence[str]) -> Flags:
    wanted = np.array([value in values for value in column.values] or [False])
    return wanted[array_of(column)]
