"""Who asked for a step: the steps before it in its scope, back to the last model or planner."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from forkpoint.diff.columns import ASKING, StepRow
from forkpoint.diff.rows import PROPAGATED


@dataclass(slots=True)
class _Scope:
    changed: list[tuple[str, int]] = field(default_factory=list[tuple[str, int]])
    """(call key, row) of the first and the last changed step since the last asking one, with it."""
    asked: bool = False


class Control:
    """The last changed row that decides what is called next, for each scope.

    A model or planner that answers the same in both runs screens off what changed before it.
    """

    def __init__(self) -> None:
        self._scopes: dict[str, _Scope] = {}

    def passed(self, key: str, kind: str, row: int, *, changed: bool) -> None:
        """A step has answered."""
        if kind == "agent":
            return
        name = innermost(key)
        scope = self._scopes.get(name)
        if scope is None:
            if not changed and kind not in ASKING:
                return
            scope = self._scopes[name] = _Scope()
        if kind in ASKING:
            scope.changed, scope.asked = [], True
        if changed:
            scope.changed[1:] = ((key, row),)

    def all_passed(self, rows: Sequence[int], steps: Sequence[StepRow], names: bytearray) -> None:
        """Many paired rows, one after the other; `names` is the column of their classes.

        Of rows in one scope only those count that come behind the last asking one.
        """
        if not rows:
            return
        keys = [steps[at].key for at in rows]
        if len({innermost(key) if "." in key else key[: key.rfind("#")] for key in keys}) == 1:
            kinds = [steps[at].kind for at in rows]
            asked = max((_last(kinds, kind) for kind in ASKING), default=0)
            changed = [at for at in rows[asked:] if names[at] == PROPAGATED]
            rows = list(dict.fromkeys((rows[asked], *changed[:1], *changed[-1:])))
        for at in rows:
            step = steps[at]
            self.passed(step.key, step.kind, at, changed=names[at] == PROPAGATED)

    def asker(self, key: str) -> int | None:
        """The changed row that led to this call, None if none did."""
        scope = self._scopes.get(innermost(key))
        if scope is not None and (scope.changed or scope.asked):
            return scope.changed[-1][1] if scope.changed else None
        for name, spawned_at in scopes_around(key):
            scope = self._scopes.get(name)
            if scope is None:
                continue
            before = [
                row
                for changed, row in scope.changed
                if spawned_at is None or _counter(changed) < spawned_at
            ]
            if before or scope.asked:
                return before[-1] if before else None
        return None


def _last(kinds: Sequence[str], kind: str) -> int:
    """The last place of a kind, 0 if there is none."""
    return len(kinds) - 1 - kinds[::-1].index(kind) if kind in kinds else 0


@lru_cache(maxsize=256)
def innermost(key: str) -> str:
    """The scope a call counts in."""
    end = key.rfind("#")
    return key[: key.rfind(".") if key.find(".", end) >= 0 else end]


def _counter(key: str) -> int:
    number = key.rpartition("#")[2].rpartition(".")[2]
    return int(number) if number.isdecimal() else 0


def scopes_around(key: str) -> Iterator[tuple[str, int | None]]:
    """The scope of a call and all scopes around it, innermost first.

    With each, how many calls it had made when the strand in it was spawned, None if none was.
    """
    strand, _, numbers = key.rpartition("#")
    while numbers:
        numbers = numbers.rpartition(".")[0]
        yield f"{strand}#{numbers}" if numbers else strand, None
    while "/" in strand:
        strand, _, spawn = strand.rpartition("/")
        count = spawn.partition(".")[0]
        yield strand, int(count) if count.isdecimal() else None
        if "#" in strand:
            yield from scopes_around(strand)
            return
