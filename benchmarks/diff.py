"""Alignment and classes of two runs of 10,000 steps, against difflib on a tenth of them.

The common case of a changed prompt: every signature differs, deltas are kept, 1 % of steps is
inserted and 1 % deleted. difflib has only the names to go by, without its junk heuristic (with it,
0.8 % of the pairs are right); its cost grows with the square.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import replace
from difflib import SequenceMatcher

from forkpoint.diff.align import align
from forkpoint.diff.columns import RunColumns, StepRow
from forkpoint.diff.report import compare_runs

STEPS = 10_000
BASELINE_STEPS = 1_000
REPEATS = 5


def run() -> dict[str, float]:
    """Medians in ms, and microseconds a step beside difflib's."""
    a, b = _runs(STEPS)
    small_a, small_b = _runs(BASELINE_STEPS)
    aligned = _median_ms(lambda: align(a, b))
    compared = _median_ms(lambda: compare_runs(a, b, _load))
    matcher = _median_ms(lambda: _difflib(small_a, small_b))
    return {
        "diff_align_10k_ms": aligned,
        "diff_compare_10k_ms": compared,
        "difflib_1k_ms": matcher,
        "diff_us_a_step": compared * 1000 / STEPS,
        "difflib_us_a_step": matcher * 1000 / BASELINE_STEPS,
    }


def _runs(count: int) -> tuple[RunColumns, RunColumns]:
    chance = random.Random(1)
    steps = [
        StepRow(
            seq=at,
            key=f"r#{at}",
            kind="tool",
            name=f"tool{chance.randrange(7)}",
            signature=f"s{at}",
            delta=f"d{at}",
            parts={"args": f"p{at}"},
            output=f"o{at}",
        )
        for at in range(count)
    ]
    other: list[StepRow] = []
    for at, step in enumerate(steps):
        if chance.random() < 0.01:
            continue
        if chance.random() < 0.01:
            other.append(replace(step, signature=f"new{at}", delta=f"newd{at}"))
        other.append(replace(step, signature=f"x{at}", parts={"args": f"q{at}"}))
    renumbered = [replace(step, seq=at, key=f"r#{at}") for at, step in enumerate(other)]
    return _columns("a", steps), _columns("b", renumbered)


def _columns(run_id: str, steps: list[StepRow]) -> RunColumns:
    return RunColumns(run_id=run_id, head=len(steps) - 1, status="ok", sealed=True, steps=steps)


def _difflib(a: RunColumns, b: RunColumns) -> object:
    left = [(step.kind, step.name) for step in a.steps]
    right = [(step.kind, step.name) for step in b.steps]
    return SequenceMatcher(None, left, right, autojunk=False).get_opcodes()


def _load(root: str) -> object:
    return root


def _median_ms(work: Callable[[], object]) -> float:
    times: list[float] = []
    for _ in range(REPEATS):
        begin = time.perf_counter()
        work()
        times.append((time.perf_counter() - begin) * 1000)
    return sorted(times)[REPEATS // 2]
