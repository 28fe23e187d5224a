"""What has to be changed so that B has A's value at one root, and whether a run came to A's end.

The edits are those of forks (replay guide, section 9). Whoever runs the replays, the command line,
a runner or a worker, takes them from here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import cast

from forkpoint.content import Value
from forkpoint.diff.classify import Load
from forkpoint.diff.columns import StepRow
from forkpoint.diff.leaves import leaves
from forkpoint.diff.report import Comparison
from forkpoint.diff.rows import Row
from forkpoint.errors import DiffError

Edit = Mapping[str, object]
"""`{kind, key, value}`."""
Expectations = Mapping[str, object]
"""JSON pointer into the run's output -> value that makes it a good one."""
Ending = tuple[str, str | None]
"""Status and root of the output."""
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
        left, right = _steps(comparison, row)
        if left is not None and right is not None:
            answers = (left.output, left.error) if row.parts == ("out",) else ()
            parts = [left.parts[name] for name in row.parts if name in left.parts]
            found.update(root for root in (*answers, *parts) if root is not None)
        elif left is not None:
            if left.output is not None:
                found.add(left.output)
            for a, b in _later_requests(comparison, at):
                found.update((a.parts["messages"], b.parts["messages"]))
    return found


def starts_of(comparison: Comparison) -> tuple[str, str]:
    """Call keys of the first steps of A and of B from the first root on: where the forks begin."""
    first = comparison.first_divergence
    rows = range(len(comparison.rows))[first or 0 :]
    left = next((at for at in rows if comparison.rows.a[at] >= 0), None)
    right = next((at for at in rows if comparison.rows.b[at] >= 0), None)
    if left is None or right is None:
        raise DiffError("one of the runs ends before the first difference", code="not_comparable")
    a, b = comparison.a.steps, comparison.b.steps
    return a[comparison.rows.a[left]].key, b[comparison.rows.b[right]].key


def ended_as_a(a: Ending, b: Ending, run: Ending) -> bool:
    """Whether a run came to A's outcome and not to B's: by status if that differs."""
    return run[0] == a[0] if a[0] != b[0] else run == a


def meets(output: Value, expect: Expectations) -> bool:
    """Whether an output has the expected values at their pointers."""
    found = dict(leaves(output))
    return all(pointer in found and found[pointer] == value for pointer, value in expect.items())


def _root(comparison: Comparison, load: Load, at: int) -> Root:
    row = comparison.rows[at]
    left, right = _steps(comparison, row)
    step = right or left
    assert step is not None
    try:
        edits = tuple(_edits(comparison, load, at, left, right))
    except KeyError:
        edits = ()
    return Root(row=at, key=step.key, name=step.name, edits=edits)


def _edits(
    comparison: Comparison, load: Load, at: int, left: StepRow | None, right: StepRow | None
) -> Iterator[Edit]:
    if right is None:
        assert left is not None
        yield from _put_back(comparison, load, at, left)
    elif left is None:
        yield {"kind": "drop", "key": right.key, "value": True}
    elif comparison.rows[at].parts != ("out",):
        names = [name for name in comparison.rows[at].parts if name in left.parts]
        parts = {name: load(left.parts[name]) for name in names}
        if parts:
            yield {"kind": "input", "key": right.key, "value": parts}
    elif left.output is not None:
        yield {"kind": "output", "key": right.key, "value": load(left.output)}
    elif left.error is not None:
        yield {"kind": "fail", "key": right.key, "value": load(left.error)}


def _put_back(comparison: Comparison, load: Load, at: int, left: StepRow) -> Iterator[Edit]:
    """A call that B never made cannot be made for it, but what it gave can be put where it went:
    the messages that A's later requests have beyond B's, if the first of them hold its answer.
    """
    if left.output is None:
        return
    given = cast("Value", load(left.output))
    for a, b in _later_requests(comparison, at):
        before, after = load(a.parts["messages"]), load(b.parts["messages"])
        place = _missing_run(before, after)
        if place is None or not any(_holds(item, given) for item in place[1]):
            return
        value = {"part": "messages", "at": place[0], "items": place[1]}
        yield {"kind": "insert", "key": b.key, "value": value}


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
