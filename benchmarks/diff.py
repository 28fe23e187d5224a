"""Alignment, classes and attribution of two runs, beside difflib and deepdiff in the same run.

1 % of the steps is inserted and 1 % deleted; the rows differ in what else is changed, from one
signature in twenty to everything but seven step names. `diff_10k_ms` and `diff_100k_ms` are the
slowest row. CPU time, since that is what is compared; columns are in memory, packed as the server
has them.
difflib has only names to go by and grows with the square (with its junk heuristic 0.8 % of the
pairs are right), deepdiff compares the runs as JSON lists; both get fewer steps to end soon.
Pairs with planted causes (`planted.py`, `mutated.py`) are judged at the end.
"""

from __future__ import annotations

import pickle
import random
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from difflib import SequenceMatcher
from pathlib import Path

from deepdiff import DeepDiff
from forkpoint.content import digest_of, digest_text
from forkpoint.diff.align import align
from forkpoint.diff.columns import RunColumns, StepRow
from forkpoint.diff.report import compare_runs, to_report
from forkpoint.diff.table import table_of
from msgspec.structs import replace

from benchmarks import mutated, planted

NAMES = 7
ROWS: Mapping[str, tuple[float, float, bool, int]] = {
    "signatures_5_percent": (0.05, 0.0, False, NAMES),
    "cascade": (1.0, 0.0, False, NAMES),
    "half_of_deltas": (1.0, 0.5, False, NAMES),
    "names_only": (1.0, 1.0, False, NAMES),
    "two_names": (1.0, 1.0, False, 2),
    "names_and_sketches": (1.0, 1.0, True, 2),
}
"""Share of signatures changed, of deltas, whether texts are 10 % similar, number of step names."""
SMALL, LARGE = 10_000, 100_000
BASELINE_STEPS = 1_000
DEEP_STEPS = 200


def run() -> dict[str, float]:
    """Medians in ms of CPU, microseconds a step beside the others', MB of one large comparison."""
    figures: dict[str, float] = {}
    for count, short, repeats in ((SMALL, "10k", 11), (LARGE, "100k", 3)):
        times = {name: _compared_ms(name, count, repeats) for name in ROWS}
        figures |= {f"diff_{short}_{name}_ms": value for name, value in times.items()}
        figures[f"diff_{short}_ms"] = max(times.values())
    figures["diff_align_10k_ms"] = _aligned_ms()
    figures["diff_100k_mb"] = _memory_mb()
    a, b = _runs("cascade", BASELINE_STEPS)
    matcher = _median_ms(lambda: _difflib(a, b), 3)
    a, b = _runs("cascade", DEEP_STEPS)
    deep = _median_ms(lambda: _deepdiff(a, b), 1)
    figures["difflib_1k_ms"] = matcher
    figures["diff_us_a_step"] = figures["diff_10k_cascade_ms"] * 1000 / SMALL
    figures["difflib_us_a_step"] = matcher * 1000 / BASELINE_STEPS
    figures["deepdiff_us_a_step"] = deep * 1000 / DEEP_STEPS
    return figures | planted.figures() | mutated.figures()


def _compared_ms(name: str, count: int, repeats: int) -> float:
    a, b = _runs(name, count)
    return _median_ms(lambda: to_report(compare_runs(a, b, _load)), repeats)


def _aligned_ms() -> float:
    a, b = _runs("cascade", SMALL)
    return _median_ms(lambda: align(a, b), 5)


def _memory_mb() -> float:
    """Peak of a process that is given two runs of 100,000 steps and compares them."""
    code = "from benchmarks.diff import print_peak; print_peak()"
    runs = pickle.dumps(_runs("half_of_deltas", LARGE))
    return float(
        subprocess.run(
            [sys.executable, "-c", code], input=runs, capture_output=True, check=True
        ).stdout
    )


def print_peak() -> None:
    """Compare the two runs that are given and say how much memory this process took, in MB."""
    a, b = pickle.load(sys.stdin.buffer)
    to_report(compare_runs(a, b, lambda root: root[:6]))
    found = re.search(r"VmHWM:\s*(\d+) kB", Path("/proc/self/status").read_text())
    print(int(found[1]) / 1024 if found else 0)


def _runs(name: str, count: int) -> tuple[RunColumns, RunColumns]:
    changed, deltas, similar, names = ROWS[name]
    chance = random.Random(1)
    steps = [
        StepRow(
            seq=at,
            key=f"r#{at}",
            kind="tool",
            name=f"tool{at % names}",
            signature=_root(f"s{at}"),
            delta=_root(f"d{at}"),
            sketch=_sketch(range(4 * at, 4 * at + 4)) if similar else None,
            parts={"args": _root(f"p{at}")},
            output=_root(f"o{at}"),
        )
        for at in range(count)
    ]
    other: list[StepRow] = []
    for at, step in enumerate(steps):
        if chance.random() < 0.01:
            continue
        if chance.random() < 0.01:
            inserted = f"tool{(at + 3) % names}"
            other.append(
                replace(step, name=inserted, signature=_root(f"n{at}"), delta=_root(f"n{at}"))
            )
        if chance.random() < changed:
            step = replace(step, signature=_root(f"x{at}"), parts={"args": _root(f"q{at}")})
        if chance.random() < deltas:
            step = replace(step, delta=_root(f"y{at}"))
        if step.sketch:
            drawn = [4 * at + n + (0 if chance.random() < 0.1 else 1 << 31) for n in range(4)]
            step = replace(step, sketch=_sketch(drawn))
        other.append(step)
    renumbered = [replace(step, seq=at, key=f"r#{at}") for at, step in enumerate(other)]
    return _columns("a", steps), _columns("b", renumbered)


def _sketch(hashes: Iterable[int]) -> bytes:
    return b"".join(number.to_bytes(4, "big") for number in hashes)


def _columns(run_id: str, steps: list[StepRow]) -> RunColumns:
    return RunColumns(
        run_id=run_id, head=len(steps) - 1, status="ok", sealed=True, steps=table_of(steps)
    )


def _difflib(a: RunColumns, b: RunColumns) -> object:
    left = [(step.kind, step.name) for step in a.steps]
    right = [(step.kind, step.name) for step in b.steps]
    return SequenceMatcher(None, left, right, autojunk=False).get_opcodes()


def _deepdiff(a: RunColumns, b: RunColumns) -> object:
    left, right = (
        [{"name": s.name, "args": s.parts["args"], "out": s.output} for s in run.steps]
        for run in (a, b)
    )
    return DeepDiff(left, right, ignore_order=True)


_VALUES: dict[str, str] = {}
"""What the roots stand for."""


def _root(value: str) -> str:
    root = digest_text(digest_of(value.encode()))
    _VALUES[root] = value
    return root


def _load(root: str) -> object:
    return _VALUES[root]


def _median_ms(work: Callable[[], object], repeats: int) -> float:
    times: list[float] = []
    for _ in range(repeats):
        begin = time.process_time()
        work()
        times.append((time.process_time() - begin) * 1000)
    return sorted(times)[repeats // 2]
