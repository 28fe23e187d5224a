"""Arrays and lists, tables and rows give the same pairs, classes and reports."""

from __future__ import annotations

import dataclasses
import json
import random

import pytest
from forkpoint.content import digest_of, digest_text
from forkpoint.diff import align as aligning
from forkpoint.diff import classify, vectors
from forkpoint.diff.alignment import Aligned
from forkpoint.diff.classify import needed_roots
from forkpoint.diff.columns import RunColumns, StepRow
from forkpoint.diff.echoes import open_echoes as plain_echoes
from forkpoint.diff.growing import grown
from forkpoint.diff.interning import open_columns as plain_columns
from forkpoint.diff.lanes import open_lane as plain_lane
from forkpoint.diff.report import compare_runs, to_report
from forkpoint.diff.rows import laid_out as plain_rows
from forkpoint.diff.table import table_of
from forkpoint.diff.vectorcolumns import numbered
from msgspec.structs import replace
from unit.diff.planted import edited, generated, run, sketch


def digest(name: str) -> str:
    """A digest instead of a short name."""
    return digest_text(digest_of(name.encode()))


def random_pair(seed: int) -> tuple[RunColumns, RunColumns]:
    """Up to 80 steps in a few scopes, with repeated, lost, moved and changed calls."""
    chance = random.Random(seed)
    size = chance.randrange(80)
    pool = max(1, size // chance.choice([1, 2, 8]))
    keys = ["r#{}", "r#{}", "r/0.work.0#{}", "r#0/0.x.0#{}"] if seed % 3 else ["r#{}"]
    steps = [
        random_step(chance, at, chance.choice(keys), pool, sketched=seed % 2 > 0)
        for at in range(size)
    ]
    other = [step for step in steps if chance.random() > 0.1]
    for _ in range(len(other) // 10):
        other.insert(chance.randrange(len(other)), other.pop(chance.randrange(len(other))))
    other = [
        altered(chance, step, at) if chance.random() < 0.3 else step
        for at, step in enumerate(other)
    ]
    return run("a", steps), run("b", other)


def random_step(chance: random.Random, at: int, key: str, pool: int, *, sketched: bool) -> StepRow:
    def root(name: str) -> str:
        return digest(f"{name}{chance.randrange(pool)}")

    return StepRow(
        seq=at,
        key=key.format(at),
        kind=chance.choice(["tool", "tool", "model", "planner", "agent"]),
        name=f"t{chance.randrange(3)}",
        status=chance.choice(["ok"] * 8 + ["error", "running"]),
        signature=chance.choice([None, *[root("s")] * 5]),
        delta=chance.choice([None, root("d")]),
        parts={name: root("p") for name in ("args", "messages") if chance.random() < 0.6},
        output=chance.choice([None, *[root("o")] * 4]),
        error=chance.choice([None, None, root("e")]),
        tokens_in=chance.choice([None, 7]),
        cost_micro_usd=chance.choice([None, *[5] * 200]),
        site=chance.choice([None, "here", "there"]),
        unreadable=chance.random() < 0.03,
        sketch=sketch(chance.randrange(4) for _ in range(4))
        if sketched and chance.random() < 0.8
        else None,
    )


def altered(chance: random.Random, step: StepRow, at: int) -> StepRow:
    """The step as B calls it: with other inputs, another answer, or served from A."""
    return replace(
        step,
        signature=chance.choice([step.signature, digest(f"x{at}")]),
        delta=chance.choice([step.delta, None]),
        parts={**step.parts, "args": digest(f"q{at}")} if chance.random() < 0.7 else {},
        output=chance.choice([step.output, digest(f"y{at}")]),
        edited=chance.random() < 0.05,
        mode=chance.choice([None, "exact", "simulated"]),
        source_run=chance.choice([None, "a"]),
        source_key=chance.choice([step.key, "r#1"]),
    )


def packed(run: RunColumns) -> RunColumns:
    """The same run as the server has it."""
    return dataclasses.replace(run, steps=table_of(run.steps))


def reported(
    a: RunColumns, b: RunColumns, *, examine: int = 1000
) -> tuple[list[Aligned], bytes, bytes, list[str]]:
    """Pairs, classes with all that rows carry, the bytes of the report, and what is read."""
    comparison = compare_runs(a, b, lambda root: root[:6], examine=examine)
    report = json.dumps(to_report(comparison)).encode()
    needed = sorted(needed_roots(a, b, comparison.alignment))
    return comparison.alignment.pairs, comparison.rows.to_bytes(), report, needed


def without_numpy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aligning, "open_lane", plain_lane)
    monkeypatch.setattr(aligning, "open_columns", plain_columns)
    monkeypatch.setattr(classify, "laid_out", plain_rows)
    monkeypatch.setattr(classify, "open_echoes", plain_echoes)


def test_numpy_equals_python(monkeypatch: pytest.MonkeyPatch):
    pairs = [(*random_pair(seed), (0, 5, 1000)[seed % 3]) for seed in range(500)]
    monkeypatch.setattr(vectors, "LEAST", 0)
    fast = [reported(a, b, examine=examine) for a, b, examine in pairs]
    tables = [reported(packed(a), packed(b), examine=examine) for a, b, examine in pairs]
    without_numpy(monkeypatch)
    slow = [reported(a, b, examine=examine) for a, b, examine in pairs]

    assert fast == slow == tables
    assert sum(len(found) for found, *_ in slow) > 10_000


def test_a_table_has_the_rows_it_was_made_of():
    a, b = random_pair(7)

    assert list(table_of(b.steps)) == b.steps
    assert list(table_of([])) == []
    assert table_of(a.steps)[-1] == a.steps[-1]


@pytest.mark.parametrize("seed", range(20))
def test_a_table_that_grows_is_the_table_of_all(seed: int):
    steps, chance = list(random_pair(seed)[1].steps), random.Random(seed)
    cut = chance.randrange(len(steps) + 1)
    reread = {at for at in range(cut) if chance.random() < 0.2}
    known = [altered(chance, step, at) if at in reread else step for at, step in enumerate(steps)]
    later = [step for at, step in enumerate(steps) if at in reread or at >= cut]

    assert grown(table_of(known[:cut]), table_of(later)) == steps


def test_digests_that_begin_alike_are_told_apart():
    alike = [b"beginning" + bytes(22) + bytes([at]) for at in (1, 2, 1)]

    column = numbered(alike[0] + bytes(32), alike[1] + alike[2])

    assert (column.a, column.b) == ([0, -1], [1, 0])


@pytest.mark.parametrize("changed", [0.05, 0.5])
def test_long_runs_too(changed: float, monkeypatch: pytest.MonkeyPatch):
    steps = generated(3000, 5)
    other = [step for _, step in edited(steps, 4, changed=changed, deltas=0.3)]
    a, b = run("a", steps), run("b", other)

    fast = aligning.align(a, b)
    without_numpy(monkeypatch)

    assert fast == aligning.align(a, b)
