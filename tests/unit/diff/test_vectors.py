"""The lanes with numpy and without find the same pairs."""

from __future__ import annotations

import json
import random
from dataclasses import replace

import pytest
from forkpoint.diff import align as aligning
from forkpoint.diff import vectors
from forkpoint.diff.alignment import Aligned
from forkpoint.diff.columns import RunColumns, StepRow
from forkpoint.diff.lanes import open_lane as plain_lane
from forkpoint.diff.report import compare_runs, to_report
from unit.diff.planted import edited, generated, run, sketch


def random_pair(seed: int) -> tuple[RunColumns, RunColumns]:
    """Up to 80 steps in a few scopes, with repeated, lost, moved and changed calls."""
    chance = random.Random(seed)
    size = chance.randrange(80)
    pool = max(1, size // chance.choice([1, 2, 8]))
    steps = [
        StepRow(
            seq=at,
            key=chance.choice(["r#{}", "r#{}", "r/0.work.0#{}", "r#0/0.x.0#{}"]).format(at),
            kind=chance.choice(["tool", "model"]),
            name=f"t{chance.randrange(3)}",
            signature=chance.choice([None, *[f"s{chance.randrange(pool)}"] * 5]),
            delta=chance.choice([None, f"d{chance.randrange(pool)}"]),
            parts={"args": f"p{chance.randrange(pool)}"},
            output=f"o{chance.randrange(pool)}",
            sketch=sketch(chance.randrange(4) for _ in range(4)) if seed % 2 else None,
        )
        for at in range(size)
    ]
    other = [step for step in steps if chance.random() > 0.1]
    for _ in range(len(other) // 10):
        other.insert(chance.randrange(len(other)), other.pop(chance.randrange(len(other))))
    other = [
        replace(step, signature=f"x{at}", delta=chance.choice([step.delta, None]))
        if chance.random() < 0.3
        else step
        for at, step in enumerate(other)
    ]
    return run("a", steps), run("b", other)


def reported(a: RunColumns, b: RunColumns) -> tuple[list[Aligned], bytes, bytes]:
    """Pairs, classes with all that rows carry, and the bytes of the report."""
    comparison = compare_runs(a, b, lambda root: root)
    report = json.dumps(to_report(comparison)).encode()
    return comparison.alignment.pairs, comparison.rows.to_bytes(), report


def test_numpy_equals_python(monkeypatch: pytest.MonkeyPatch):
    pairs = [random_pair(seed) for seed in range(500)]
    monkeypatch.setattr(vectors, "LEAST", 0)
    fast = [reported(*pair) for pair in pairs]
    monkeypatch.setattr(aligning, "open_lane", plain_lane)
    slow = [reported(*pair) for pair in pairs]

    assert fast == slow
    assert sum(len(found) for found, _, _ in slow) > 10_000


@pytest.mark.parametrize("changed", [0.05, 0.5])
def test_long_runs_too(changed: float, monkeypatch: pytest.MonkeyPatch):
    steps = generated(3000, 5)
    other = [step for _, step in edited(steps, 4, changed=changed, deltas=0.3)]
    a, b = run("a", steps), run("b", other)

    fast = aligning.align(a, b)
    monkeypatch.setattr(aligning, "open_lane", plain_lane)

    assert fast == aligning.align(a, b)
