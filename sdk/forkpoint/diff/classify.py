"""What each pair means: same, origin, intervention, propagated, absorbed (diff guide, section 5).

An input that differs is *explained* if what is new in B's part came out of earlier changed steps
of B, and what is gone from A's part out of earlier changed steps of A: as JSON values (a JSON text
equals its value) or as text spans of 16 characters and more.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from forkpoint.diff.align import Alignment
from forkpoint.diff.columns import RunColumns, StepRow
from forkpoint.diff.leaves import scalars, texts, without_ids

Load = Callable[[str], object]
"""Root -> value; raises KeyError where the payload is not readable."""
MOST_EXAMINED = 1000
"""Steps whose payloads are read to explain them; later ones are `partly`."""
IDS = "ids"
"""Finer class of an answer that differs only in names the provider drew for it: no root."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of the comparison: a pair, or a step of one side."""

    a: int | None
    b: int | None
    how: str
    """Pass that paired them; `removed` or `inserted` for one side."""
    name: str
    """Class: same, origin, intervention, propagated, absorbed, removed, inserted, integrity."""
    sub: str | None = None
    parts: tuple[str, ...] = ()
    """Input parts that differ, and `out` if the answer does."""
    partly: bool = False
    absorbed: bool = False

    @property
    def is_root(self) -> bool:
        """Whether the difference begins here."""
        if self.sub == IDS:
            return False
        return self.name in ("origin", "intervention", "integrity") or self.sub == "intervention"


@dataclass(slots=True)
class _Changed:
    """What changed steps have handed back so far on one side."""

    scalars: set[str] = field(default_factory=set[str])
    texts: list[str] = field(default_factory=list[str])

    def add(self, value: object) -> None:
        self.scalars |= scalars(value)
        self.texts += texts(value)

    def explains(self, leaf: str) -> bool:
        return leaf in self.scalars or any(
            text in leaf or (len(leaf) >= 16 and leaf in text) for text in self.texts
        )


class Classifier:
    """Walks the rows of an alignment in run order and gives each its class."""

    def __init__(self, a: RunColumns, b: RunColumns, load: Load) -> None:
        self.a, self.b, self.load = a, b, load
        self.changed_a, self.changed_b = _Changed(), _Changed()
        self.dirty_scopes: set[str] = set()
        self.examined = 0

    def classify(self, alignment: Alignment) -> list[Row]:
        """Rows in B's order, steps only in A where they would have stood."""
        return [self._row(a, b, how) for a, b, how in merged(alignment)]

    def _row(self, a: int | None, b: int | None, how: str) -> Row:
        if a is None and b is not None:
            return self._one_side(self.b.steps[b], a=None, b=b, how="inserted")
        if b is None and a is not None:
            return self._one_side(self.a.steps[a], a=a, b=None, how="removed")
        assert a is not None and b is not None
        return self._pair(a, b, how)

    def _one_side(self, step: StepRow, *, a: int | None, b: int | None, how: str) -> Row:
        """Explained if the step that asked for it, before it or around it, is changed."""
        side = self.changed_a if b is None else self.changed_b
        explained = any(scope in self.dirty_scopes for scope in _askers(step.key))
        self._remember(side, step.answer)
        self.dirty_scopes.update(_askers(step.key)[:1])
        sub = None if explained else "intervention"
        return Row(a=a, b=b, how=how, name=how, sub=sub)

    def _pair(self, a: int, b: int, how: str) -> Row:
        left, right = self.a.steps[a], self.b.steps[b]
        differing = differing_parts(left, right)
        same_answer = left.answer == right.answer and left.status == right.status
        if not differing:
            return self._equal_inputs(a, b, how, same_answer=same_answer)
        unexplained, partly = self._unexplained(left, right, differing)
        parts = tuple(differing) + (() if same_answer else ("out",))
        if not same_answer:
            self._changed(left, right)
        if right.edited and "out" in parts:
            return Row(a=a, b=b, how=how, name="intervention", parts=("out",))
        if unexplained:
            return Row(
                a=a,
                b=b,
                how=how,
                name="intervention",
                parts=tuple(unexplained),
                partly=partly,
                absorbed=same_answer,
            )
        return Row(a=a, b=b, how=how, name="absorbed" if same_answer else "propagated", parts=parts)

    def _equal_inputs(self, a: int, b: int, how: str, *, same_answer: bool) -> Row:
        if same_answer:
            return Row(a=a, b=b, how=how, name="same")
        left, right = self.a.steps[a], self.b.steps[b]
        self._changed(left, right)
        if right.edited:
            return Row(a=a, b=b, how=how, name="intervention", sub="output", parts=("out",))
        if right.mode in ("exact", "cached") and left.kind != "agent":
            return Row(a=a, b=b, how=how, name="integrity", parts=("out",))
        if left.kind == "agent":
            return Row(a=a, b=b, how=how, name="propagated", parts=("out",))
        if self._only_ids_differ(left, right):
            return Row(a=a, b=b, how=how, name="origin", sub=IDS, parts=("out",))
        sub = "simulated" if right.mode == "simulated" else _sub(left)
        return Row(a=a, b=b, how=how, name="origin", sub=sub, parts=("out",))

    def _only_ids_differ(self, left: StepRow, right: StepRow) -> bool:
        """Two equal answers of a model, but for the ids and times of the answer itself."""
        if left.kind != "model" or left.status != right.status or not left.output:
            return False
        if not right.output or self.examined > MOST_EXAMINED:
            return False
        try:
            return without_ids(self.load(left.output)) == without_ids(self.load(right.output))
        except KeyError:
            return False

    def _changed(self, left: StepRow, right: StepRow) -> None:
        self._remember(self.changed_a, left.answer)
        self._remember(self.changed_b, right.answer)
        self.dirty_scopes.update(_askers(right.key)[:1])

    def _remember(self, side: _Changed, root: str | None) -> None:
        if root is None or self.examined > MOST_EXAMINED:
            return
        self.examined += 1
        try:
            side.add(self.load(root))
        except KeyError:
            return

    def _unexplained(
        self, left: StepRow, right: StepRow, differing: Sequence[str]
    ) -> tuple[list[str], bool]:
        """Parts with something that came from nowhere, and whether some of it is explained."""
        unexplained: list[str] = []
        partly = False
        for part in differing:
            all_of_it, some_of_it = self._explained(left.parts.get(part), right.parts.get(part))
            if not all_of_it:
                unexplained.append(part)
                partly = partly or some_of_it
        return unexplained, partly

    def _explained(self, root_a: str | None, root_b: str | None) -> tuple[bool, bool]:
        if self.examined > MOST_EXAMINED:
            return False, True
        self.examined += 1
        try:
            before = scalars(self.load(root_a)) if root_a else set[str]()
            after = scalars(self.load(root_b)) if root_b else set[str]()
        except KeyError:
            return False, True
        gone, new = before - after, after - before
        known = [
            *(self.changed_a.explains(leaf) for leaf in gone),
            *(self.changed_b.explains(leaf) for leaf in new),
        ]
        return bool(known) and all(known), any(known)


def merged(alignment: Alignment) -> Iterable[tuple[int | None, int | None, str]]:
    """(a, b, how) of pairs and lone steps in one order: B's, with A's lone steps in their place."""
    before: dict[int, list[int]] = {}
    pairs = {pair.a: pair for pair in alignment.pairs}
    lone = set(alignment.only_a)
    anchor = -1
    for at in range(len(pairs) + len(lone)):
        if at in lone:
            before.setdefault(anchor, []).append(at)
        elif at in pairs and pairs[at].how != "moved":
            anchor = pairs[at].b
    by_b = {pair.b: pair for pair in alignment.pairs}
    yield from ((at, None, "removed") for at in before.get(-1, []))
    for other in range(len(by_b) + len(alignment.only_b)):
        pair = by_b.get(other)
        yield (pair.a, other, pair.how) if pair else (None, other, "inserted")
        yield from ((at, None, "removed") for at in before.get(other, []))


def needed_roots(a: RunColumns, b: RunColumns, alignment: Alignment) -> list[str]:
    """Roots that `Classifier` will load, in row order, of at most 1,000 steps."""
    roots: dict[str, None] = {}
    examined = 0
    for at, other, _ in merged(alignment):
        left = None if at is None else a.steps[at]
        right = None if other is None else b.steps[other]
        found = _roots_of(left, right)
        examined += bool(found)
        if examined > MOST_EXAMINED:
            break
        roots.update(dict.fromkeys(found))
    return list(roots)


def _roots_of(left: StepRow | None, right: StepRow | None) -> list[str]:
    if left is None or right is None:
        alone = left or right
        return [alone.answer] if alone is not None and alone.answer is not None else []
    parts = differing_parts(left, right)
    answers = [] if left.answer == right.answer else [left.answer, right.answer]
    inputs = [side.parts.get(part) for part in parts for side in (left, right)]
    return [root for root in (*answers, *inputs) if root is not None]


def differing_parts(left: StepRow, right: StepRow) -> list[str]:
    """Names of the input parts whose roots differ, sorted; an agent scope has none."""
    if left.kind == "agent":
        return []
    names = sorted({*left.parts, *right.parts})
    return [name for name in names if left.parts.get(name) != right.parts.get(name)]


def counts(rows: Sequence[Row]) -> Mapping[str, int]:
    """Number of rows by class, moved pairs counted beside their class."""
    found: dict[str, int] = {}
    for row in rows:
        found[row.name] = found.get(row.name, 0) + 1
        if row.how == "moved":
            found["moved"] = found.get("moved", 0) + 1
    return found


def _sub(step: StepRow) -> str:
    return "sampling" if step.kind in ("model", "planner") else "external"


def _askers(key: str) -> list[str]:
    """The scope of a call and all scopes around it, innermost first."""
    found: list[str] = []
    strand, _, numbers = key.rpartition("#")
    while numbers:
        numbers = numbers.rpartition(".")[0]
        found.append(f"{strand}#{numbers}" if numbers else strand)
    while "/" in strand:
        strand = strand.rpartition("/")[0]
        found.append(strand)
    return found
