"""Columns of two runs as dense integers: equal values get equal numbers, absent ones -1."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Mapping, Sequence
from functools import cached_property
from itertools import count
from operator import attrgetter
from typing import cast

from forkpoint.diff.columns import ASKING, StepRow, scope_of
from forkpoint.diff.sketch import NO_SKETCH, hash_of

Numbers = list[int]
_KEY = attrgetter("key")
_SKETCH = attrgetter("sketch")


class Column:
    """One column of both runs. Numbers are below `size`."""

    def __init__(self, a: Numbers, b: Numbers, size: int) -> None:
        self._a, self._b = a, b
        self.size = size

    @property
    def a(self) -> Numbers:
        """The number of each step of A."""
        return self._a

    @property
    def b(self) -> Numbers:
        """The number of each step of B."""
        return self._b


def intern(left: Sequence[Hashable], right: Sequence[Hashable]) -> Column:
    """Number the values of both sides in one dictionary, in order of appearance."""
    numbers = defaultdict[Hashable, int](count().__next__)  # one lookup a value, all of it in C
    numbers[None] = -1
    ours, theirs = list(map(numbers.__getitem__, left)), list(map(numbers.__getitem__, right))
    return Column(ours, theirs, len(numbers))


class Interned:
    """The columns that the alignment compares, each numbered when it is first needed."""

    def __init__(
        self,
        a: Sequence[StepRow],
        b: Sequence[StepRow],
        *,
        keys: tuple[Sequence[str], Sequence[str]] | None = None,
    ) -> None:
        self._steps = a, b
        self.keys = keys or (list(map(_KEY, a)), list(map(_KEY, b)))
        self._known: dict[str, Column] = {}

    @property
    def signature(self) -> Column:
        """Digests of what can change each call's answer."""
        return self._once("signature", lambda: self._column("signature"))

    @property
    def type(self) -> Column:
        """Kind and name."""

        def make() -> Column:
            kinds, names = self.kind, self._once("name", lambda: self._column("name"))
            a, b = (
                [kind * names.size + name for kind, name in zip(*both, strict=True)]
                for both in ((kinds.a, names.a), (kinds.b, names.b))
            )
            return Column(a, b, kinds.size * names.size)

        return self._once("type", make)

    @property
    def delta(self) -> Column:
        """Digests of what was new in each call."""
        return self._once("delta", lambda: self._column("delta"))

    def asks(self, side: int, at: int) -> bool:
        """Whether a step of A (0) or B (1) decides what is called next."""
        return self._steps[side][at].kind in ASKING

    @cached_property
    def has_asking(self) -> bool:
        """Whether any step decides what is called next."""
        return any(step.kind in ASKING for side in self._steps for step in side)

    def lone(self, twins: Sequence[int]) -> tuple[list[int], list[int]]:
        """Steps of A without a twin, and steps of B that are nobody's."""
        of_b = sorted(set(range(len(self._steps[1]))).difference(twins))
        return [at for at, twin in enumerate(twins) if twin < 0], of_b

    def lineage(self, run_id: str) -> Mapping[int, int]:
        """Index in B -> index in A, where B says which step of this run it was served from."""
        _, b = self._steps
        if run_id not in set(map(attrgetter("source_run"), b)):
            return {}
        place = {key: at for at, key in enumerate(self.keys[0])}
        return {
            at: place[step.source_key]
            for at, step in enumerate(b)
            if step.source_run == run_id and step.source_key in place
        }

    def site(self, side: int, at: int) -> str | None:
        """The place of the code where a call of A (0) or B (1) was made, if it is known."""
        return self._steps[side][at].site

    @property
    def kind(self) -> Column:
        """Kinds of the steps."""
        return self._once("kind", lambda: self._column("kind"))

    @property
    def has_sketches(self) -> bool:
        """Whether both sides have any."""
        return all(any(map(_SKETCH, side)) for side in self._steps)

    @cached_property
    def sketches(self) -> tuple[bytes, bytes]:
        """The sketches of both sides behind each other; steps without one have `NO_SKETCH`."""
        a, b = (b"".join([step.sketch or NO_SKETCH for step in side]) for side in self._steps)
        return a, b

    def sketch(self, which: int) -> Column:
        """(type, one min-hash of the text): the key of pass A4."""

        def make() -> Column:
            types = self.type
            hashes = self._of(lambda step: hash_of(step.sketch, which) if step.sketch else None)
            a, b = (
                [
                    -1 if value < 0 else value * types.size + kind
                    for value, kind in zip(*both, strict=True)
                ]
                for both in ((hashes.a, types.a), (hashes.b, types.b))
            )
            return Column(a, b, hashes.size * types.size)

        return self._once(f"sketch {which}", make)

    def _once(self, name: str, make: Callable[[], Column]) -> Column:
        if name not in self._known:
            self._known[name] = make()
        return self._known[name]

    def _column(self, field: str) -> Column:
        read = cast("Callable[[StepRow], Hashable]", attrgetter(field))
        return self._of(read)

    def _of(self, read: Callable[[StepRow], Hashable]) -> Column:
        a, b = self._steps
        return intern(list(map(read, a)), list(map(read, b)))


def by_scope(keys: Sequence[str]) -> dict[str, list[int]]:
    """Step indexes by scope (`columns.scope_of`), in order of first appearance."""
    joined = "\n" + "\n".join(keys)
    if keys and "." not in joined:  # most runs are one thread of control
        name = scope_of(keys[0])
        if joined.count(f"\n{name}#") == joined.count("#") == joined.count("\n") == len(keys):
            return {name: list(range(len(keys)))}
    names = [scope_of(key) if "." in key else key[: key.rfind("#")] for key in keys]
    scopes: dict[str, list[int]] = {}
    for at, name in enumerate(names):
        members = scopes.get(name)
        if members is None:
            scopes[name] = [at]
        else:
            members.append(at)
    return scopes


def open_columns(a: Sequence[StepRow], b: Sequence[StepRow]) -> Interned:
    """The columns of runs of any kind."""
    return Interned(list(a), list(b))
