"""Alignment: which step of A is which step of B (diff guide, section 3).

Scopes pair from the outside in; within a scope pair the passes A1 to A8 only add pairs that keep
order, then A9 pairs what moved. Digests alone are used, no payload is read.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from forkpoint.diff.columns import RunColumns, StepRow, scope_of, spawner_of
from forkpoint.diff.sequences import (
    Pair,
    best_alignment,
    common_subsequence,
    unique_matches,
)
from forkpoint.diff.strands import pair_strands

SMALL_GAP = 4096
"""Cells of a gap that is aligned by scores."""
LARGE_GAP = 100_000_000
"""Cells above which types are matched in windows."""
WINDOW = 2048


@dataclass(frozen=True, slots=True)
class Aligned:
    """A pair of step indexes and the pass that found it."""

    a: int
    b: int
    how: str


@dataclass(frozen=True, slots=True)
class Alignment:
    """All pairs, by index in A, and what stands on one side only."""

    pairs: Sequence[Aligned]
    only_a: Sequence[int]
    only_b: Sequence[int]
    coarse: int
    ambiguous: int


class _Gaps:
    """The pairs of one scope pair so far, and the gaps between them."""

    def __init__(self, a: Sequence[int], b: Sequence[int]) -> None:
        self.a, self.b = a, b
        self.found: dict[int, tuple[int, str]] = {}

    def add(self, pairs: Iterable[Pair], *, offset: Pair, how: str) -> None:
        for left, right in pairs:
            self.found[left + offset[0]] = (right + offset[1], how)

    def open(self) -> list[tuple[int, int, int, int]]:
        """Gaps with steps on both sides, as (a from, a to, b from, b to) within the scope."""
        gaps: list[tuple[int, int, int, int]] = []
        left = right = 0
        ends = [*sorted((at, pair[0]) for at, pair in self.found.items())]
        for at, other in [*ends, (len(self.a), len(self.b))]:
            if at > left and other > right:
                gaps.append((left, at, right, other))
            left, right = at + 1, other + 1
        return gaps


class Aligner:
    """Aligns two runs once; a throw-away object that holds the interned columns."""

    def __init__(self, a: RunColumns, b: RunColumns) -> None:
        self.a, self.b = a.steps, b.steps
        self.lineage = _lineage(a, b)
        self.pairs: dict[int, tuple[int, str]] = {}
        self.coarse = self.ambiguous = 0

    def align(self) -> Alignment:
        """Pair scopes from the outside in, then what moved between them."""
        scopes_a, scopes_b = _by_scope(self.a), _by_scope(self.b)
        todo: deque[Pair | tuple[str, str]] = deque(_root_scopes(scopes_a, scopes_b))
        spawned_a, spawned_b = _spawned(scopes_a), _spawned(scopes_b)
        while todo:
            left, right = todo.popleft()
            assert isinstance(left, str) and isinstance(right, str)
            self._align_scope(scopes_a.get(left, []), scopes_b.get(right, []))
            todo.extend(
                pair_strands(
                    _firsts(spawned_a.get(left, []), scopes_a, self.a),
                    _firsts(spawned_b.get(right, []), scopes_b, self.b),
                    inside=(left, right),
                )
            )
            for at in scopes_a.get(left, []):
                inner = self.a[at].key
                if inner in scopes_a or inner in spawned_a:
                    paired = self.pairs.get(at)
                    if paired is not None:
                        todo.append((inner, self.b[paired[0]].key))
        self._pair_moved()
        return self._result()

    def _align_scope(self, a: Sequence[int], b: Sequence[int]) -> None:
        gaps = _Gaps(a, b)
        self._pair_lineage(gaps)
        self._pair_ends(gaps)
        for column, how in (("signature", "same"), ("delta", "delta")):
            for a0, a1, b0, b1 in gaps.open():
                left = [getattr(self.a[a[at]], column) for at in range(a0, a1)]
                right = [getattr(self.b[b[at]], column) for at in range(b0, b1)]
                gaps.add(unique_matches(left, right), offset=(a0, b0), how=how)
            self._pair_ends(gaps)
        for gap in gaps.open():
            self._align_by_type(gaps, gap)
        for at, (other, how) in gaps.found.items():
            self.pairs[a[at]] = (b[other], how)

    def _pair_lineage(self, gaps: _Gaps) -> None:
        if not self.lineage:
            return
        place = {at: index for index, at in enumerate(gaps.a)}
        known = [
            (place[source], index)
            for index, at in enumerate(gaps.b)
            if (source := self.lineage.get(at)) is not None and source in place
        ]
        last = -1
        for left, right in sorted(known, key=lambda pair: pair[1]):
            if left > last:
                gaps.found[left] = (right, "lineage")
                last = left

    def _pair_ends(self, gaps: _Gaps) -> None:
        """A1: equal signatures from both ends of each gap."""
        for a0, a1, b0, b1 in gaps.open():
            while a0 < a1 and b0 < b1 and self._equal(gaps, a0, b0):
                gaps.found[a0] = (b0, "same")
                a0, b0 = a0 + 1, b0 + 1
            while a0 < a1 and b0 < b1 and self._equal(gaps, a1 - 1, b1 - 1):
                a1, b1 = a1 - 1, b1 - 1
                gaps.found[a1] = (b1, "same")

    def _equal(self, gaps: _Gaps, left: int, right: int) -> bool:
        signature = self.a[gaps.a[left]].signature
        return signature is not None and signature == self.b[gaps.b[right]].signature

    def _align_by_type(self, gaps: _Gaps, gap: tuple[int, int, int, int]) -> None:
        a0, a1, b0, b1 = gap
        left = [self.a[gaps.a[at]] for at in range(a0, a1)]
        right = [self.b[gaps.b[at]] for at in range(b0, b1)]
        types_a = [(step.kind, step.name) for step in left]
        types_b = [(step.kind, step.name) for step in right]
        cells = len(left) * len(right)
        if types_a == types_b:
            pairs: list[Pair] = [(at, at) for at in range(len(left))]
        elif cells <= SMALL_GAP:
            pairs = best_alignment(
                len(left), len(right), lambda row, column: _score(left[row], right[column])
            )
        elif cells <= LARGE_GAP:
            pairs = common_subsequence(types_a, types_b)
        else:
            pairs = _windowed(types_a, types_b)
            self.coarse += len(pairs)
        if len(left) != len(right) and len(set(types_a) | set(types_b)) <= 2 < min(
            len(left), len(right)
        ):
            self.ambiguous += len(pairs)
        for row, column in pairs:
            how = _how(left[row], right[column], coarse=cells > LARGE_GAP)
            gaps.found[a0 + row] = (b0 + column, how)

    def _pair_moved(self) -> None:
        """A9: what is left on both sides with an equal signature, in order, over all scopes."""
        taken = {other for other, _ in self.pairs.values()}
        waiting: dict[str, deque[int]] = defaultdict(deque)
        for at, step in enumerate(self.b):
            if at not in taken and step.signature is not None:
                waiting[step.signature].append(at)
        for at, step in enumerate(self.a):
            if at not in self.pairs and step.signature is not None and waiting[step.signature]:
                self.pairs[at] = (waiting[step.signature].popleft(), "moved")

    def _result(self) -> Alignment:
        pairs = [Aligned(at, other, how) for at, (other, how) in sorted(self.pairs.items())]
        taken = {pair.b for pair in pairs}
        return Alignment(
            pairs=pairs,
            only_a=[at for at in range(len(self.a)) if at not in self.pairs],
            only_b=[at for at in range(len(self.b)) if at not in taken],
            coarse=self.coarse,
            ambiguous=self.ambiguous,
        )


def align(a: RunColumns, b: RunColumns) -> Alignment:
    """Pair the steps of two runs. O(n log n) where digests are unique, see the passes above."""
    return Aligner(a, b).align()


def _lineage(a: RunColumns, b: RunColumns) -> Mapping[int, int]:
    """Index in B -> index in A, where B says which step of A it was served from."""
    place = {step.key: at for at, step in enumerate(a.steps)}
    return {
        at: place[step.source_key]
        for at, step in enumerate(b.steps)
        if step.source_run == a.run_id and step.source_key in place
    }


def _by_scope(steps: Sequence[StepRow]) -> dict[str, list[int]]:
    scopes: dict[str, list[int]] = defaultdict(list)
    for at, step in enumerate(steps):
        scopes[scope_of(step.key)].append(at)
    return dict(scopes)


def _spawned(scopes: Iterable[str]) -> dict[str, list[str]]:
    strands: dict[str, list[str]] = defaultdict(list)
    for scope in scopes:
        spawner = spawner_of(scope)
        if spawner is not None:
            strands[spawner].append(scope)
    return dict(strands)


def _root_scopes(
    a: Mapping[str, Sequence[int]], b: Mapping[str, Sequence[int]]
) -> list[tuple[str, str]]:
    roots_a = [scope for scope in a if spawner_of(scope) is None and "#" not in scope]
    roots_b = {scope for scope in b if spawner_of(scope) is None and "#" not in scope}
    return [("r", "r"), *((scope, scope) for scope in roots_a if scope in roots_b - {"r"})]


def _firsts(
    strands: Sequence[str], scopes: Mapping[str, Sequence[int]], steps: Sequence[StepRow]
) -> dict[str, list[StepRow]]:
    return {strand: [steps[at] for at in scopes[strand]] for strand in strands}


def _score(left: StepRow, right: StepRow) -> float:
    if left.signature is not None and left.signature == right.signature:
        return 4.0
    if left.delta is not None and left.delta == right.delta:
        return 3.0
    if (left.kind, left.name) == (right.kind, right.name):
        return 2.0 if left.site is not None and left.site == right.site else 1.0
    return 0.0 if left.kind == right.kind else -3.0


def _how(left: StepRow, right: StepRow, *, coarse: bool) -> str:
    if left.signature is not None and left.signature == right.signature:
        return "same"
    if left.delta is not None and left.delta == right.delta:
        return "delta"
    return "coarse" if coarse else "type"


def _windowed(left: Sequence[object], right: Sequence[object]) -> list[Pair]:
    """A8: match windows of types, commit the first half of each, and move on."""
    pairs: list[Pair] = []
    at = other = 0
    while at < len(left) and other < len(right):
        found = common_subsequence(
            left[at : at + WINDOW],  # type: ignore[arg-type]
            right[other : other + WINDOW],  # type: ignore[arg-type]
        )
        last = at + WINDOW >= len(left) and other + WINDOW >= len(right)
        kept = found if last else found[: max(1, len(found) // 2)]
        if not kept:
            at, other = at + WINDOW // 2, other + WINDOW // 2
            continue
        pairs += [(at + row, other + column) for row, column in kept]
        at, other = at + kept[-1][0] + 1, other + kept[-1][1] + 1
    return pairs
