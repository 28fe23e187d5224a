"""What has to be changed so that B has A's value at one root, and whether a run came to A's end.

The edits are those of forks (replay guide, section 9). Whoever runs the replays, the command line,
a runner or a worker, takes them from here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import islice
from typing import NamedTuple, cast

from forkpoint.content import Value
from forkpoint.diff.classify import Load
from forkpoint.diff.columns import StepRow
from forkpoint.diff.leaves import leaves, without_ids
from forkpoint.diff.rates import Stop
from forkpoint.diff.report import Comparison
from forkpoint.diff.rows import IDS, Row
from forkpoint.errors import DiffError
from forkpoint.replay.families import calls_of, family_of, text_of

Edit = Mapping[str, object]
"""`{kind, key, value}`."""
Expectations = Mapping[str, object]
"""JSON pointer into the run's output -> value that makes it a good one."""
Ending = tuple[str, str | None]
"""Status and root of the output."""


class Call(NamedTuple):
    """What A asked at a root, and what B was answered to the very same."""

    key: str
    signature: str
    answer: str


_TRIED = {"supported": 0, "possible": 1}
MOST_FOLLOWED = 200
"""Later requests of a scope into which what one step gave is put back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Root:
    """A root and how it is set back; `edits` is empty for one that cannot be."""

    row: int
    key: str
    name: str
    edits: tuple[Edit, ...]
    applies: tuple[Edit, ...] = ()
    """The other way round: what gives A the value of B there."""
    call: Call | None = None
    """Set where A and B asked the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Came:
    """What a replay came to; `met`: whether it meets what is expected as the wanted run does."""

    verdict: str | None
    reason: str | None
    key: str | None
    """The call it failed at."""
    ending: Ending | None
    met: bool | None = None

    @property
    def stop(self) -> Stop | None:
        """Set where it did not run to its end under its policy: then it shows nothing."""
        if self.verdict in _RAN and self.ending is not None:
            return None
        return Stop(self.reason or self.verdict or "internal", self.key)

    def is_as(self, wanted: Ending, other: Ending) -> bool:
        """Whether it is a hit: it came to the wanted outcome, and not to the other."""
        if self.stop is not None or self.ending is None:
            return False
        return ended_as_a(wanted, other, self.ending) if self.met is None else self.met


_RAN = frozenset({"identical", "forked"})


def roots_of(comparison: Comparison, load: Load) -> list[Root]:
    """All roots in the order to try: evidence in content first, then structure, then by sequence.

    `load` may raise `KeyError` for a value that cannot be read; its root cannot be set back then.
    """
    causes = sorted(comparison.causes, key=lambda cause: _TRIED.get(cause.word, 2))
    return [_root(comparison, load, cause.row) for cause in causes]


def values_needed(comparison: Comparison, rows: Sequence[int]) -> set[str]:
    """Content roots that `roots_of` reads, for whoever loads them beforehand."""
    found: set[str] = set()
    for at in rows:
        row = comparison.rows[at]
        steps = [step for step in _steps(comparison, row) if step is not None]
        for step in steps:
            answers = (step.output, step.error) if row.parts == ("out",) or len(steps) < 2 else ()
            parts = [step.parts[name] for name in row.parts if name in step.parts]
            found.update(root for root in (*answers, *parts) if root is not None)
        if len(steps) < 2:
            for a, b in _later_requests(comparison, at):
                found.update((a.parts["messages"], b.parts["messages"]))
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Renamed:
    """Two answers of models that are equal but for the ids drawn for them. Where one run follows
    the other's way, it has to have its ids too: later requests repeat them.
    """

    row: int
    edit: Edit
    applies: Edit


def renamed_rows(comparison: Comparison) -> list[int]:
    """Rows whose answers differ in drawn ids alone, the first of them."""
    rows = comparison.rows
    found = (
        at for at, sub in enumerate(rows.sub) if sub == IDS and min(rows.a[at], rows.b[at]) >= 0
    )
    return list(islice(found, MOST_FOLLOWED))


def renamed_of(comparison: Comparison, load: Load) -> list[Renamed]:
    """The edits that give one run the ids of the other; values that cannot be read are left out."""
    found: list[Renamed] = []
    for at in renamed_rows(comparison):
        left, right = _steps(comparison, comparison.rows[at])
        if left is None or right is None or left.output is None or right.output is None:
            continue
        try:
            edit = {"kind": "output", "key": right.key, "value": load(left.output)}
            applies = {"kind": "output", "key": left.key, "value": load(right.output)}
        except KeyError:
            continue
        found.append(Renamed(row=at, edit=edit, applies=applies))
    return found


def starts_of(comparison: Comparison, *, renamed: Sequence[int] = ()) -> tuple[str, str]:
    """Call keys of the first steps of A and of B from the first root on: where the forks begin.

    `renamed`: rows that are changed as well.
    """
    first = min([comparison.first_divergence or 0, *renamed])
    rows = range(len(comparison.rows))[first:]
    left = next((at for at in rows if comparison.rows.a[at] >= 0), None)
    right = next((at for at in rows if comparison.rows.b[at] >= 0), None)
    if left is None or right is None:
        raise DiffError("one of the runs ends before the first difference", code="not_comparable")
    a, b = comparison.a.steps, comparison.b.steps
    return a[comparison.rows.a[left]].key, b[comparison.rows.b[right]].key


def ended_as_a(a: Ending, b: Ending, run: Ending) -> bool:
    """Whether a run came to A's outcome and not to B's: by status if that differs."""
    return run[0] == a[0] if a[0] != b[0] else run == a


def same_answer(one: Value, two: Value) -> bool:
    """Whether two answers say the same: replies of models the same text and calls, others the same
    but for what is drawn for them.
    """
    return one == two or _said(one) == _said(two)


def _said(answer: Value) -> object:
    family = family_of(answer)
    if family is None:
        return without_ids(answer)
    calls = [(call.name, call.args) for call in calls_of(family, answer)]
    return text_of(family, answer), calls


def meets(output: Value, expect: Expectations) -> bool:
    """Whether an output has the expected values at their pointers."""
    found = dict(leaves(output))
    return all(pointer in found and found[pointer] == value for pointer, value in expect.items())


def _root(comparison: Comparison, load: Load, at: int) -> Root:
    row = comparison.rows[at]
    left, right = _steps(comparison, row)
    step = right or left
    assert step is not None
    return Root(
        row=at,
        key=step.key,
        name=step.name,
        edits=_set_to(comparison, load, at, towards_a=True),
        applies=_set_to(comparison, load, at, towards_a=False),
        call=_call(row, left, right),
    )


def _call(row: Row, left: StepRow | None, right: StepRow | None) -> Call | None:
    if left is None or right is None or row.name != "origin" or left.signature is None:
        return None
    return None if right.answer is None else Call(left.key, left.signature, right.answer)


def _set_to(comparison: Comparison, load: Load, at: int, *, towards_a: bool) -> tuple[Edit, ...]:
    """Edits that give one run the value of the other at a row; () where none do."""
    left, right = _steps(comparison, comparison.rows[at])
    wanted, changed = (left, right) if towards_a else (right, left)
    try:
        if changed is None:
            return tuple(_put_back(comparison, load, at, towards_a=towards_a))
        if wanted is None:
            return ({"kind": "drop", "key": changed.key, "value": True},)
        return tuple(_replaced(comparison.rows[at], load, wanted, changed))
    except KeyError:
        return ()


def _replaced(row: Row, load: Load, wanted: StepRow, changed: StepRow) -> Iterator[Edit]:
    names = [name for name in row.parts if name in wanted.parts and name in changed.parts]
    if row.parts == ("out",):
        if wanted.output is not None:
            yield {"kind": "output", "key": changed.key, "value": load(wanted.output)}
        elif wanted.error is not None:
            yield {"kind": "fail", "key": changed.key, "value": load(wanted.error)}
    elif changed.kind == "model":
        for name in names:
            old, new = load(changed.parts[name]), load(wanted.parts[name])
            for value in _stretches(name, cast("Value", old), cast("Value", new)):
                yield {"kind": "replace", "value": value}
    elif names:
        parts = {name: load(wanted.parts[name]) for name in names}
        yield {"kind": "input", "key": changed.key, "value": parts}


def _stretches(part: str, old: Value, new: Value) -> Iterator[Mapping[str, object]]:
    """What turns one value of a model's input into the other, there and in all later requests that
    repeat it: stretches of a list, each found by its own items or the one before, else the whole.
    """
    if not (isinstance(old, list) and isinstance(new, list) and old):
        yield {"part": part, "from": old, "to": new}
        return
    marks = [[tuple(leaves(item)) for item in items] for items in (old, new)]
    matcher = SequenceMatcher(None, *marks, autojunk=False)
    for tag, start, end, first, last in matcher.get_opcodes():
        if tag == "equal":
            continue
        before = 1 if start == end and start else 0
        after = 1 if start == end and not start else 0
        gone, come = old[start - before : end + after], new[first - before : last + after]
        yield {"part": part, "from": gone, "to": come}


def _put_back(comparison: Comparison, load: Load, at: int, *, towards_a: bool) -> Iterator[Edit]:
    """A call that a run never made cannot be made for it, but what it gave can be put where it
    went: the messages that the later requests of the other have beyond its own, if the first of
    them hold its answer.
    """
    left, right = _steps(comparison, comparison.rows[at])
    step = left or right
    if step is None or step.output is None:
        return
    given = cast("Value", load(step.output))
    for a, b in _later_requests(comparison, at):
        wanted, changed = (a, b) if towards_a else (b, a)
        before, after = load(wanted.parts["messages"]), load(changed.parts["messages"])
        place = _missing_run(before, after)
        if place is None or not any(_holds(item, given) for item in place[1]):
            return
        value = {"part": "messages", "at": place[0], "items": place[1]}
        yield {"kind": "insert", "key": changed.key, "value": value}


def _later_requests(comparison: Comparison, at: int) -> Iterator[tuple[StepRow, StepRow]]:
    """Paired steps after a row whose messages differ."""
    rows, found = comparison.rows, 0
    for later in range(at + 1, len(rows)):
        a, b = rows.a[later], rows.b[later]
        if a < 0 or b < 0 or found >= MOST_FOLLOWED:
            continue
        left, right = comparison.a.steps[a], comparison.b.steps[b]
        one, two = left.parts.get("messages"), right.parts.get("messages")
        if one is not None and two is not None and one != two:
            found += 1
            yield left, right


def _missing_run(before: object, after: object) -> tuple[int, list[Value]] | None:
    """Where the only stretch of items stands that `after` lacks, and the items."""
    if not isinstance(before, list) or not isinstance(after, list):
        return None
    old = cast("list[Value]", before)
    ours = [tuple(leaves(item)) for item in old]
    theirs = [tuple(leaves(item)) for item in cast("list[Value]", after)]
    matcher = SequenceMatcher(None, theirs, ours, autojunk=False)
    gaps = [code for code in matcher.get_opcodes() if code[0] == "insert"]
    if len(gaps) != 1:
        return None
    _, place, _, start, end = gaps[0]
    return place, old[start:end]


def _holds(item: Value, given: Value) -> bool:
    """Whether a message carries every part of a value, as itself or inside its text."""
    wanted = {str(leaf) for _, leaf in leaves(given) if leaf is not None}
    text = "\n".join(str(leaf) for _, leaf in leaves(item))
    return bool(wanted) and all(leaf in text for leaf in wanted)


def _steps(comparison: Comparison, row: Row) -> tuple[StepRow | None, StepRow | None]:
    left = None if row.a is None else comparison.a.steps[row.a]
    right = None if row.b is None else comparison.b.steps[row.b]
    return left, right
