"""The scopes of two runs as trees, walked in pairs from the outside in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from forkpoint.diff.columns import Picked, StepRow, spawner_of
from forkpoint.diff.interning import by_scope
from forkpoint.diff.scopes import pair_strands

ScopePair = tuple[str, str]
ROOT = "r"


class ScopeTree:
    """Scopes by name on both sides, and what was spawned in each."""

    def __init__(
        self,
        a: Sequence[StepRow],
        b: Sequence[StepRow],
        keys_a: Sequence[str],
        keys_b: Sequence[str],
    ) -> None:
        self._a = _Side(a, keys_a)
        self._b = _Side(b, keys_b)

    def roots(self) -> list[ScopePair]:
        """Pairs of the outermost scopes: the root strand, foreign threads, shortened paths."""
        return [(ROOT, ROOT), *pair_strands(self._a.rest(), self._b.rest(), inside=("", ""))]

    def steps_of(self, pair: ScopePair) -> tuple[Sequence[int], Sequence[int]]:
        """Step indexes of both scopes."""
        return self._a.scopes.get(pair[0], ()), self._b.scopes.get(pair[1], ())

    def inside(self, pair: ScopePair, twins: Sequence[int]) -> Iterator[ScopePair]:
        """Pairs of the strands spawned in these scopes, then of their paired steps' insides."""
        left, right = pair
        yield from pair_strands(self._a.spawned(left), self._b.spawned(right), inside=pair)
        for step in self._a.openings.get(left, ()):
            inner = self.of_pair(step, twins[step]) if twins[step] >= 0 else None
            if inner is not None:
                yield inner

    def of_pair(self, a: int, b: int) -> ScopePair | None:
        """The scopes that two paired steps are, None if nothing happened inside."""
        left, right = self._a.keys[a], self._b.keys[b]
        known = self._a.opens(left) or self._b.opens(right)
        return (left, right) if known else None


class _Side:
    def __init__(self, steps: Sequence[StepRow], keys: Sequence[str]) -> None:
        self._all = steps
        self.keys = keys
        scopes = self.scopes = by_scope(keys)
        self._strands: dict[str, list[str]] = {}
        for scope in list(scopes):
            self._know(scope)
        self.openings: dict[str, list[int]] = {}
        """Steps that are scopes themselves, by the scope they stand in."""
        if any("#" in scope for scope in (*scopes, *self._strands)):
            self._find_openings()

    def _know(self, scope: str) -> None:
        """Hang a strand below its spawner; strands in between that made no call are made up."""
        spawner = spawner_of(scope)
        if spawner is None:
            return
        self._strands.setdefault(spawner, []).append(scope)
        if spawner not in self.scopes and "#" not in spawner.rpartition("/")[2]:
            self.scopes[spawner] = []
            self._know(spawner)

    def _find_openings(self) -> None:
        for scope, members in self.scopes.items():
            found = [at for at in members if self.opens(self.keys[at])]
            if found:
                self.openings[scope] = found

    def opens(self, key: str) -> bool:
        """Whether the step of this key holds others or spawned a strand."""
        return key in self.scopes or key in self._strands

    def spawned(self, scope: str) -> Mapping[str, Sequence[StepRow]]:
        """Steps of each strand spawned in a scope."""
        return {strand: self._steps(strand) for strand in self._strands.get(scope, ())}

    def rest(self) -> Mapping[str, Sequence[StepRow]]:
        """Outermost scopes other than the root strand."""
        return {
            scope: self._steps(scope)
            for scope in self.scopes
            if scope != ROOT and "#" not in scope and spawner_of(scope) is None
        }

    def _steps(self, scope: str) -> Sequence[StepRow]:
        return Picked(self._all, self.scopes[scope])
