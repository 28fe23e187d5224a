"""Rows with numpy: their order, and what digests alone say of each.

The same as `rows.laid_out` and `echoes.Echoes`, which work everywhere.
"""

from __future__ import annotations

from base64 import urlsafe_b64encode
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from itertools import islice
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from forkpoint.diff import echoes, rows, vectors
from forkpoint.diff.alignment import Alignment
from forkpoint.diff.columns import ASKING, Parts, StepRow
from forkpoint.diff.control import Control
from forkpoint.diff.echoes import NO_STEP, OUT, Echoes, owner_of
from forkpoint.diff.interning import by_scope
from forkpoint.diff.lanes import MOVED
from forkpoint.diff.rows import ABSORBED, ALONE, PARTLY, PROPAGATED, Rows
from forkpoint.diff.table import DIGEST, INPUT, Coded, StepTable
from forkpoint.diff.vectorcolumns import (
    Flags,
    all_equal,
    are_long,
    array_of,
    present,
    same_codes,
    words_of,
)
from forkpoint.diff.vectors import Ints

Number = TypeVar("Number", bound=np.generic)
MADE = 512
"""Rows whose steps are made at once."""
_ANSWERS = frozenset({"output", "error"})
MOST_ROLES = 32
"""Roles of payloads of two runs up to which each is looked at as a column."""


def laid_out(alignment: Alignment) -> Rows:
    """As `rows.laid_out`."""
    if len(alignment.twins) + alignment.length_b < vectors.LEAST:
        return rows.laid_out(alignment)
    twins = np.asarray(alignment.twins, dtype=np.int64)
    hows = np.frombuffer(alignment.hows, dtype=np.uint8)
    back = np.full(alignment.length_b, -1, dtype=np.int64)
    back[twins[twins >= 0]] = np.flatnonzero(twins >= 0)
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
        self._todo: list[int] = []
        self._made: dict[int, tuple[StepRow, StepRow]] = {}
        roles = {*a.payloads.roles.values, *b.payloads.roles.values}
        self._roles = sorted(role for role in roles if role is not None)

    @property
    def fits(self) -> bool:
        """Whether the roles of payloads are few enough."""
        return len(self._roles) <= MOST_ROLES

    def sides(self, at: int) -> tuple[StepRow, StepRow]:
        """As `Echoes.sides`."""
        if at not in self._made:
            self._make(at)
        return self._made[at]

    def _make(self, at: int) -> None:
        """Make the steps of this row and of the next ones that will be asked for."""
        todo = self._todo
        begin = bisect_left(todo, at)
        rows = todo[begin : begin + MADE] if todo[begin : begin + 1] == [at] else [at]
        lefts, rights = (
            briefs(table, [places[row] for row in rows])
            for table, places in ((self._a, self._rows.a), (self._b, self._rows.b))
        )
        self._made = dict(zip(rows, zip(lefts, rights, strict=True), strict=True))

    def is_same(self, at: int) -> bool:
        """As `Echoes.is_same`."""
        return self._same[at] != 0

    def of_b(self, at: int) -> tuple[str, str]:
        """As `Echoes.of_b`."""
        step = self._rows.b[at]
        return self._b.keys[step], self._b.kind[step] or ""

    def owners(self, begin: int, end: int) -> set[str]:
        """As `Echoes.owners`: one step of each kind, name and set of parts is made."""
        numbers, owners = self._calls
        found: set[str] = set()
        return found.union(*map(owners.__getitem__, set(numbers[begin:end])))

    def todo(self) -> list[int]:
        """As `Echoes.todo`."""
        asking = self._of_b(self._b.kind, *ASKING)
        simple = self._spread(self._answered_same & self._asked_same & ~asking)
        moved = np.frombuffer(self._rows.how, dtype=np.uint8) == MOVED
        self._todo = np.flatnonzero(~simple | moved).tolist()
        return self._todo

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
        self._todo = places[~echoed].tolist()
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
        stretch = _Stretches(self, found)
        for place in [*np.flatnonzero(~echoed).tolist(), len(todo)]:
            while waiting and waiting[-1][0] < place:
                _, which_set = waiting.pop()
                numbers[which_set] = rows.part_number(self._parts(int(sets[which_set])))
            if place < len(todo):
                stretch.passed(control, until=todo[place])
                yield todo[place]
        part[found] = numbers[which]

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
    def _same(self) -> bytes:
        agents = self._of_a(self._a.kind, "agent")
        return self._spread(self._answered_same & (self._asked_same | agents)).tobytes()

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
        known = present(words_of(self._a.signature))[self._at_a]
        return (self._digests_equal & known) | (self._differing == 0)

    @cached_property
    def _digests_equal(self) -> Flags:
        """Pairs with equal signatures, or none."""
        left, right = words_of(self._a.signature), words_of(self._b.signature)
        return all_equal(left[self._at_a], right[self._at_b])

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
        found[both] = all_equal(ours[left[both]], theirs[right[both]])
        return found

    def _of_a(self, column: Coded, *values: str) -> Flags:
        return _is_one(column, values)[self._at_a]

    def _of_b(self, column: Coded, *values: str) -> Flags:
        return _is_one(column, values)[self._at_b]

    @staticmethod
    def _flags(column: bytes) -> Flags:
        return np.frombuffer(column, dtype=np.uint8) != 0

    def asks(self, rows: Ints) -> Flags:
        """Whether B's step of these rows decides what is called next."""
        steps = np.frombuffer(self._rows.b, dtype=np.int32)[rows]
        return _is_one(self._b.kind, ASKING)[steps]

    def passed_on(self, rows: Ints) -> Flags:
        """Whether these rows were classed as answered otherwise."""
        return np.frombuffer(self._rows.name, dtype=np.uint8)[rows] == PROPAGATED

    def scopes(self, rows: Ints) -> Ints:
        """The scope of B's step of these rows, numbered."""
        found = np.zeros(len(self._b), dtype=np.int64)
        for number, steps in enumerate(by_scope(self._b.keys).values()):
            found[steps] = number
        return found[np.frombuffer(self._rows.b, dtype=np.int32)[rows]]

    @cached_property
    def _calls(self) -> tuple[list[int], list[set[str]]]:
        """Of each row, the number of what B called; the owners of its parts by that number."""
        b = self._b
        masks = np.zeros(len(b), dtype=np.int64)
        roles = array_of(b.payloads.roles)
        np.bitwise_or.at(masks, np.frombuffer(b.payloads.owners, dtype=np.int32), 1 << roles)
        calls = (masks << 3 | array_of(b.kind)) * len(b.name.values) + array_of(b.name)
        _, first, numbers = np.unique(calls, return_index=True, return_inverse=True)
        steps = briefs(b, first.tolist())
        owners = [{owner_of(step, part) for part in step.parts} for step in steps]
        return numbers[np.frombuffer(self._rows.b, dtype=np.int32)].tolist(), owners


def briefs(table: StepTable, places: Sequence[int]) -> list[StepRow]:
    """`StepTable.brief` of many steps, `NO_STEP` for -1: their roots are written in one go."""
    owners = np.frombuffer(table.payloads.owners, dtype=np.int32)
    wanted = np.array(places, dtype=np.int32)
    begins = np.searchsorted(owners, wanted, side="left")
    ends = np.searchsorted(owners, wanted, side="right")
    counts: Ints = ends - begins
    shifts: Ints = ends - np.cumsum(counts)
    entries: Ints = np.repeat(shifts, counts) + np.arange(int(counts.sum()), dtype=np.int64)
    roles = table.payloads.roles
    codes = np.frombuffer(roles.codes, dtype=np.int32)[entries].tolist()
    labels = [None if role in _ANSWERS else (role or "")[len(INPUT) :] for role in roles.values]
    entry = zip(codes, texts_of(table.payloads.roots, entries), strict=True)
    output = roles.values.index("output") if "output" in roles.values else -1
    there = [(at, count) for at, count in zip(places, counts.tolist(), strict=True) if at >= 0]
    roots = (_sorted_out(islice(entry, count), labels, output) for _, count in there)
    made = table.briefs([at for at, _ in there], roots)
    return [NO_STEP if at < 0 else next(made) for at in places]


def _sorted_out(
    entries: Iterable[tuple[int, str]], labels: Sequence[str | None], output: int
) -> tuple[Parts, str | None, str | None]:
    """Input parts by name, output, error, from codes of roles and roots."""
    parts: dict[str, str] = {}
    answers: list[str | None] = [None, None]
    for code, root in entries:
        label = labels[code]
        if label is not None:
            parts[label] = root
        else:
            answers[code != output] = root
    return parts, answers[0], answers[1]


def texts_of(digests: bytes, places: Ints) -> list[str]:
    """Packed digests at some places as text, encoded in one go: 33 bytes are 44 characters."""
    padded = np.zeros((len(places), DIGEST + 1), dtype=np.uint8)
    padded[:, :DIGEST] = np.frombuffer(digests, dtype=np.uint8).reshape(-1, DIGEST)[places]
    text = urlsafe_b64encode(padded.tobytes()).decode()
    return [text[at : at + 43] for at in range(0, len(text), 44)]


class _Stretches:
    """Tells who asked of echoes, stretch by stretch: of each scope a few rows say it all.

    Those are the last that asks, or the first row, and behind it the first and the last change.
    """

    def __init__(self, echoes: TableEchoes, rows: Ints) -> None:
        self._echoes = echoes
        self._rows = rows.tolist()
        self._asks = echoes.asks(rows).tobytes()
        self._changed = echoes.passed_on(rows).tobytes()
        scopes = echoes.scopes(rows)
        self._scopes = scopes if bool((scopes != scopes[:1]).any()) else None
        self._next = 0

    def passed(self, control: Control, *, until: int) -> None:
        """Pass the echoes in front of a row."""
        begin, end = self._next, bisect_left(self._rows, until, self._next)
        self._next = end
        if begin == end:
            return
        if self._scopes is None:
            asked = max(begin, self._asks.rfind(1, begin, end))
            changed = self._changed.find(1, asked, end), self._changed.rfind(1, asked, end)
            places = sorted({asked, *changed} - {-1})
        else:
            places = self._of_scopes(self._scopes[begin:end], begin)
        for place in places:
            row = self._rows[place]
            control.passed(*self._echoes.of_b(row), row, changed=bool(self._changed[place]))

    def _of_scopes(self, scopes: Ints, begin: int) -> list[int]:
        places: set[int] = set()
        for scope in np.unique(scopes).tolist():
            inside = (np.flatnonzero(scopes == scope) + begin).tolist()
            asked = max((at for at in range(len(inside)) if self._asks[inside[at]]), default=0)
            told = [place for place in inside[asked:] if self._changed[place]]
            places.update((inside[asked], *told[:1], *told[-1:]))
        return sorted(places)


def _is_one(column: Coded, values: Sequence[str]) -> Flags:
    wanted = np.array([value in values for value in column.values] or [False])
    return wanted[array_of(column)]
