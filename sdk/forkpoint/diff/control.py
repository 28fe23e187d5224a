"""Who asked for a step: the steps before it in its scope, back to the last model or planner."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

_ASKING = ("model", "planner")


@dataclass(slots=True)
class _Scope:
    changed: int | None = None
    """The last changed row since (and with) the last asking step."""
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
        name = next(scopes_around(key))
        if not changed and kind not in _ASKING and name not in self._scopes:
            return
        scope = self._scopes.setdefault(name, _Scope())
        if kind in _ASKING:
            scope.changed, scope.asked = row if changed else None, True
        elif changed:
            scope.changed = row

    def asker(self, key: str) -> int | None:
        """The changed row that led to this call, None if none did."""
        for name in scopes_around(key):
            scope = self._scopes.get(name)
            if scope is None:
                continue
            if scope.changed is not None or scope.asked:
                return scope.changed
        return None


def scopes_around(key: str) -> Iterator[str]:
    """The scope of a call and all scopes around it, innermost first."""
    strand, _, numbers = key.rpartition("#")
    while numbers:
        numbers = numbers.rpartition(".")[0]
        yield f"{strand}#{numbers}" if numbers else strand
    while "/" in strand:
        strand = strand.rpartition("/")[0]
        yield strand
