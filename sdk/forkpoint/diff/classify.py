"""What each pair means: where differences begin, and what only passes them on (section 5)."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence

from forkpoint.diff.alignment import Alignment
from forkpoint.diff.columns import RunColumns, StepRow
from forkpoint.diff.control import Control, innermost
from forkpoint.diff.echoes import (
    NO_STEP,
    OUT,
    differing_parts,
    owner_of,
)
from forkpoint.diff.explain import ABSENT, Explainer, Sources, Verdict
from forkpoint.diff.lanes import MOVED
from forkpoint.diff.leaves import without_ids
from forkpoint.diff.rows import (
    ABSORBED,
    EXTERNAL,
    IDS,
    INSERTED,
    INTEGRITY,
    INTERVENTION,
    NONE,
    NOT_CLEAN,
    ORIGIN,
    OUTPUT,
    PARTLY,
    PROPAGATED,
    QUIET,
    REMOVED,
    RUNNING,
    SAMPLING,
    SIMULATED,
    UNASKED,
    UNKNOWN,
    Rows,
)

try:
    from forkpoint.diff.vectorrows import laid_out, open_echoes
except ImportError:  # numpy comes with the server; the sdk alone does without
    from forkpoint.diff.echoes import open_echoes
    from forkpoint.diff.rows import laid_out

Load = Callable[[str], object]
"""Root -> value; raises KeyError where the payload is not readable."""
MOST_EXAMINED = 1000
"""Steps whose payloads are read to explain them; later ones are `partly`."""
LOST = object()
"""In the place of a value whose blocks are not there."""


class Classifier:
    """Walks the rows of an alignment in run order and gives each its class."""

    def __init__(
        self, a: RunColumns, b: RunColumns, load: Load, *, examine: int = MOST_EXAMINED
    ) -> None:
        self.a, self.b, self.load, self.most = a.steps, b.steps, load, examine
        self.base = a.run_id
        """What only a replay of A promises: one of another run serves that run's answers."""
        self.unsealed = not b.sealed
        self.explainer = Explainer()
        self.control = Control()
        self.examined = 0
        self.lost: dict[int, list[str]] = {}
        """Input parts that differ and could not be loaded, by row: they are partly explained."""
        self.carrying = False
        """Whether some difference came from nowhere and may be over again."""
        self.sources: dict[int, Sources] = {}
        """Of examined rows: the rows their inputs came from, and the one that asked for them."""
        self.agents: list[int] = []
        self.rows = Rows()

    def classify(self, alignment: Alignment) -> Rows:
        """Rows in B's order, steps only in A where they would have stood."""
        rows = self.rows = laid_out(alignment)
        echoes = self.echoes = open_echoes(rows, self.a, self.b)
        self._know_moved()
        todo = echoes.todo()
        before = -1
        for number, at in enumerate(todo):
            if self.examined > self.most:
                for later in echoes.classed(todo[number:], self.control):
                    self._row(later)
                break
            if self.carrying and at > before + 1:
                self._settle(echoes.owners(before + 1, at))
            before = at
            self._row(at)
        self._agents()
        if self.unsealed:
            self._to_come(alignment)
        return rows

    def _row(self, at: int) -> None:
        if self.echoes.is_same(at):
            self._same(at)
            return
        left, right = self.echoes.sides(at)
        if left is NO_STEP:
            self._one_side(at, right, INSERTED)
        elif right is NO_STEP:
            self._one_side(at, left, REMOVED)
        elif right.kind == "agent":
            self.agents.append(at)
        else:
            self._pair(at, left, right)

    def _same(self, at: int) -> None:
        moved = self.rows.how[at] == MOVED
        self.control.passed(*self.echoes.of_b(at), at, changed=moved)
        if self.carrying:
            self._settle(self.echoes.owners(at, at + 1))
        if moved and self._may_examine():
            self.explainer.answered(at, ABSENT, self._load(self.echoes.sides(at)[1].answer))

    def _know_moved(self) -> None:
        """What A has earlier than B is gone from A's later inputs before its row is reached."""
        hows = self.rows.how
        for at in (at for at, how in enumerate(hows) if how == MOVED) if MOVED in hows else ():
            if self._may_examine():
                self.explainer.moved(at, self._load(self.a[self.rows.a[at]].answer))

    def _one_side(self, at: int, step: StepRow, name: int) -> None:
        """Explained if what decides on calls in its scope, or around it, is changed."""
        asker = self.control.asker(step.key)
        self.sources[at] = {} if asker is None else {asker: 0.0}
        self.rows.set(at, name, UNASKED if asker is None else NONE)
        self.control.passed(step.key, step.kind, at, changed=True)
        if self._may_examine():
            answer, side = self._load(step.answer), name == REMOVED
            self.explainer.answered(at, *((answer, ABSENT) if side else (ABSENT, answer)))
            if asker is None:
                for part, root in step.parts.items():
                    value = self._load(root)
                    self.explainer.asked(
                        at, owner_of(step, part), *((value, ABSENT) if side else (ABSENT, value))
                    )

    def _pair(self, at: int, left: StepRow, right: StepRow) -> None:
        differing = differing_parts(left, right)
        changed = left.answer != right.answer or left.status != right.status
        hidden = _unknown(left, right, differing)
        if hidden is not None:
            self.rows.set(at, UNKNOWN, hidden, parts=tuple(differing))
            self.control.passed(right.key, right.kind, at, changed=changed or bool(differing))
            return
        asker = self.control.asker(right.key)
        examine = self._may_examine()
        sources: Sources = {}
        unexplained, partly = self._unexplained(at, left, right, differing, sources)
        only_ids = self._only_ids(differing, unexplained, sources)
        if asker is not None:
            sources.setdefault(asker, 0.0)
        if changed and only_ids:
            self._equal_inputs(at, left, right, examine=examine)
            changed = self.rows.sub[at] != IDS
        elif right.edited and changed:
            self.rows.set(at, INTERVENTION, OUTPUT, parts=(OUT,))
        else:
            self._other_inputs(at, differing, unexplained, partly=partly, changed=changed)
        self.sources[at] = sources
        if left.answer != right.answer and examine:
            tell = self.explainer.answered if changed else self.explainer.renamed
            tell(at, self._load(left.answer), self._load(right.answer))
        self.control.passed(right.key, right.kind, at, changed=changed)

    def _equal_inputs(self, at: int, left: StepRow, right: StepRow, *, examine: bool) -> None:
        if right.edited:
            self.rows.set(at, INTERVENTION, OUTPUT, parts=(OUT,))
        elif right.mode in ("exact", "cached") and right.source_run in (None, self.base):
            self.rows.set(at, INTEGRITY, parts=(OUT,))
        elif examine and self._only_ids_differ(left, right):
            self.rows.set(at, ORIGIN, IDS, parts=(OUT,))
        elif right.mode == "simulated":
            self.rows.set(at, ORIGIN, SIMULATED, parts=(OUT,))
        else:
            sampled = left.kind in ("model", "planner")
            self.rows.set(at, ORIGIN, SAMPLING if sampled else EXTERNAL, parts=(OUT,))

    def _only_ids(
        self, differing: Sequence[str], unexplained: Sequence[str], data: Collection[int]
    ) -> bool:
        """Whether the inputs are equal but for names that an earlier answer's provider drew."""
        if not differing:
            return True
        return bool(data) and not unexplained and all(self.rows.sub[row] == IDS for row in data)

    def _other_inputs(
        self,
        at: int,
        differing: Sequence[str],
        unexplained: Sequence[str],
        *,
        partly: bool,
        changed: bool,
    ) -> None:
        parts = tuple(unexplained or differing)
        flags = (PARTLY if partly else 0) | (QUIET if unexplained and not changed else 0)
        if unexplained:
            self.rows.set(at, INTERVENTION, parts=parts, flags=flags)
        else:
            name, more = (PROPAGATED, (OUT,)) if changed else (ABSORBED, ())
            self.rows.set(at, name, parts=(*parts, *more), flags=flags)

    def _unexplained(
        self, at: int, left: StepRow, right: StepRow, differing: Sequence[str], sources: Sources
    ) -> tuple[list[str], bool]:
        """Parts with something that came from nowhere, and whether some of it is explained."""
        if self.examined > self.most:
            return [], True
        unexplained: list[str] = []
        partly = False
        if self.carrying:
            self._settle(owner_of(right, part) for part in right.parts if part not in differing)
        for part in differing:
            before, after = self._read(left.parts.get(part)), self._read(right.parts.get(part))
            if before is LOST or after is LOST:
                self.lost.setdefault(at, []).append(part)
                partly = True
                continue
            found = self.explainer.explain(
                at, owner_of(right, part), before, after, scope=innermost(right.key)
            )
            for row, weight in found.sources.items():
                if row != at:
                    sources[row] = max(weight, sources.get(row, 0.0))
            if found.verdict is Verdict.NOTHING:
                unexplained.append(part)
                partly = partly or found.some
                self.carrying = True
            partly = partly or found.verdict is Verdict.PARTLY
        return unexplained, partly

    def _settle(self, owners: Iterable[str]) -> None:
        """These parts are equal again."""
        for owner in owners:
            self.explainer.settle(owner)

    def _only_ids_differ(self, left: StepRow, right: StepRow) -> bool:
        """Two equal answers of a model, but for the ids and times of the answer itself."""
        if left.kind != "model" or left.status != right.status:
            return False
        if left.output is None or right.output is None:
            return False
        one, two = self._load(left.output), self._load(right.output)
        return ABSENT not in (one, two) and without_ids(one) == without_ids(two)

    def _agents(self) -> None:
        """Scopes answer last: another answer of one comes from the steps inside, if any changed."""
        inside = any(self.rows.changed())
        for at in self.agents:
            left, right = self.a[self.rows.a[at]], self.b[self.rows.b[at]]
            hidden = _unknown(left, right)
            if hidden is not None:
                self.rows.set(at, UNKNOWN, hidden)
            elif left.answer != right.answer or left.status != right.status:
                name, sub = (PROPAGATED, NONE) if inside else (ORIGIN, EXTERNAL)
                self.rows.set(at, name, sub, parts=(OUT,))

    def _to_come(self, alignment: Alignment) -> None:
        """What only A has, behind everything that B has done so far, may still come."""
        furthest = max((at for at, twin in enumerate(alignment.twins) if twin >= 0), default=-1)
        for at, left in enumerate(self.rows.a):
            if self.rows.name[at] == REMOVED and left > furthest:
                self.rows.set(at, UNKNOWN, RUNNING)

    def _may_examine(self) -> bool:
        self.examined += 1
        return self.examined <= self.most

    def _load(self, root: str | None) -> object:
        value = self._read(root)
        return ABSENT if value is LOST else value

    def _read(self, root: str | None) -> object:
        if root is None:
            return ABSENT
        try:
            return self.load(root)
        except KeyError:
            return LOST


def _unknown(left: StepRow, right: StepRow, differing: Sequence[str] = ()) -> int | None:
    """Why the pair cannot be told to differ, None if it can."""
    if "running" in (left.status, right.status):
        return RUNNING
    for side in (left, right):
        if side.unreadable and (
            side.answer is None or any(part not in side.parts for part in differing)
        ):
            return NOT_CLEAN
    return None


def needed_roots(a: RunColumns, b: RunColumns, alignment: Alignment) -> list[str]:
    """Roots that `Classifier` and the attribution will load, of at most 1,000 steps."""
    roots: dict[str, None] = dict.fromkeys(
        root for root in (a.output, b.output) if root is not None and a.output != b.output
    )
    examined = 0
    rows = laid_out(alignment)
    echoes = open_echoes(rows, a.steps, b.steps)
    for at in echoes.todo():
        if echoes.is_same(at):
            continue
        left, right = echoes.sides(at)
        if left.kind == right.kind == "agent":
            continue
        examined += 1
        if examined > MOST_EXAMINED:
            break
        roots.update(dict.fromkeys(_roots_of(left, right)))
    return list(roots)


def _roots_of(left: StepRow, right: StepRow) -> list[str]:
    if left is NO_STEP or right is NO_STEP:
        alone = left if right is NO_STEP else right
        parts = [*alone.parts.values()]
        return parts if alone.answer is None else [alone.answer, *parts]
    parts = differing_parts(left, right)
    answers = [] if left.answer == right.answer else [left.answer, right.answer]
    inputs = [side.parts.get(part) for part in parts for side in (left, right)]
    return [root for root in (*answers, *inputs) if root is not None]
