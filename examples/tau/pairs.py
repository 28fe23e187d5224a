"""tau-bench airline: the writes in which trials differ, by the report and by the gold actions.

`python -m examples.tau.pairs` compares, for each task with trials of both kinds, each passed trial
(A) with each failed one (B) and prints a table. A passed trial has brought the airline's data to
where the gold actions of the task bring it, so the writes that the report shows on A's side alone
must be gold actions that B lacks, those on B's side alone what B wrote besides. Nothing here reads
the gold actions to compare the runs.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

from forkpoint.content import decode, digest_from_text
from forkpoint.diff.columns import StepRow
from forkpoint.diff.recorded import columns_of
from forkpoint.diff.report import Comparison, compare_runs
from forkpoint_cli.importers.tape import Importer
from forkpoint_cli.importers.tau import import_trajectory

RUNS = Path(__file__).parent / "airline"
WRITES = frozenset(
    {
        "book_reservation",
        "cancel_reservation",
        "send_certificate",
        "update_reservation_baggages",
        "update_reservation_flights",
        "update_reservation_passengers",
    }
)
"""Tools that change the airline's data; a failed call changes nothing."""
READ_OF_FLIGHTS = ("date", "flight_number")
"""What the airline reads of a flight; agents also name its ends."""
FAILED = "Error"
Writes = Counter[str]
"""Calls as text, `name {arguments}`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A passed and a failed trial of one task."""

    task: int
    passed: int
    failed: int
    first: str
    """Where they part: class and kind of the first divergence."""
    found: tuple[Writes, Writes]
    """Writes of A alone and of B alone, as the report has them."""
    expected: tuple[Writes, Writes]
    """Gold actions that B lacks, and what B wrote besides."""

    @property
    def agrees(self) -> bool:
        """Whether the report says what the gold actions say."""
        return self.found == self.expected


def table() -> str:
    """The pairs as Markdown."""
    lines = [
        "| task | passed | failed | first divergence | only in the passed one | only in the failed "
        "one | by the gold actions |",
        "|---|---|---|---|---|---|---|",
    ]
    for pair in pairs():
        sides = " | ".join(_names(side) for side in pair.found)
        word = "the same" if pair.agrees else "**other**"
        lines.append(
            f"| {pair.task} | {pair.passed} | {pair.failed} | {pair.first} | {sides} | {word} |"
        )
    return "\n".join(lines)


def _names(writes: Writes) -> str:
    names = Counter[str]()
    for text, count in writes.items():
        names[text.partition(" ")[0]] += count
    return ", ".join(f"{count} {name}" for name, count in sorted(names.items())) or "-"


def pairs() -> Iterator[Pair]:
    """All pairs, by task and trial."""
    trials: dict[int, list[tuple[int, bytes, dict[str, Any]]]] = {}
    for file in sorted(RUNS.glob("*.json")):
        body = file.read_bytes()
        run = json.loads(body)
        trials.setdefault(int(run["task_id"]), []).append((int(run["trial"]), body, run))
    for task, runs in sorted(trials.items()):
        passed = [run for run in runs if run[2]["reward"] == 1]
        failed = [run for run in runs if run[2]["reward"] != 1]
        for one, two in product(passed, failed):
            yield _pair(task, one, two)


def _pair(task: int, one: tuple[int, bytes, Any], two: tuple[int, bytes, Any]) -> Pair:
    comparison, values = _compared(one[1], two[1])
    gold = Counter(
        written(action["name"], action["kwargs"])
        for action in two[2]["info"]["task"]["actions"]
        if action["name"] in WRITES
    )
    theirs = Counter(_writes(comparison.b.steps, values))
    return Pair(
        task=task,
        passed=one[0],
        failed=two[0],
        first=_first(comparison),
        found=_differing(comparison, values),
        expected=(gold - theirs, theirs - gold),
    )


def _compared(a: bytes, b: bytes) -> tuple[Comparison, Mapping[str, Any]]:
    """The comparison of two files, and values by their roots."""
    importer = Importer(name="examples", redact=lambda value: value)
    one, two = import_trajectory(a, importer), import_trajectory(b, importer)
    blocks = {**one.blocks, **two.blocks}

    def load(root: str) -> Any:
        return decode(digest_from_text(root), lambda some: {each: blocks[each] for each in some})

    left, right = (columns_of(run.start, run.end, run.events) for run in (one, two))
    return compare_runs(left, right, load), _Values(load)


class _Values(dict[str, Any]):
    def __init__(self, load: Any) -> None:
        super().__init__()
        self._load = load

    def __missing__(self, root: str) -> Any:
        self[root] = self._load(root)
        return self[root]


def _differing(comparison: Comparison, values: Mapping[str, Any]) -> tuple[Writes, Writes]:
    """Writes in rows of one side, and in pairs whose arguments differ."""
    sides: tuple[Writes, Writes] = Counter(), Counter()
    for row in comparison.rows:
        if None not in (row.a, row.b) and "args" not in row.parts:
            continue
        for side, run, at in ((0, comparison.a, row.a), (1, comparison.b, row.b)):
            sides[side].update(_writes([] if at is None else [run.steps[at]], values))
    ours, theirs = sides
    return ours - theirs, theirs - ours  # the same write in other words differs in nothing


def _writes(steps: Sequence[StepRow], values: Mapping[str, Any]) -> Iterator[str]:
    for step in steps:
        if step.kind == "tool" and step.name in WRITES and not _has_failed(step, values):
            yield written(step.name, values[step.parts["args"]])


def _has_failed(step: StepRow, values: Mapping[str, Any]) -> bool:
    if step.status != "ok" or step.output is None:
        return True
    return str(values[step.output]).startswith(FAILED)


def written(name: str, arguments: Mapping[str, Any]) -> str:
    """A call as text, equal for calls that do the same."""
    flights = [
        {key: flight[key] for key in READ_OF_FLIGHTS} for flight in arguments.get("flights", ())
    ]
    told = {**arguments, "flights": flights} if flights else arguments
    return f"{name} {json.dumps(told, sort_keys=True)}"


def _first(comparison: Comparison) -> str:
    at = comparison.first_divergence
    if at is None:
        return "none"
    row = comparison.rows[at]
    step = comparison.b.steps[row.b] if row.b is not None else comparison.a.steps[row.a or 0]
    return f"{row.name} ({row.sub}), {step.kind}" if row.sub else f"{row.name}, {step.kind}"


if __name__ == "__main__":
    print(table())
