"""From the roots to the outcome: what each root may have caused, over which steps (section 6).

No number mixes the tiers: a root that reaches the outcome over edges is `possible`; over data that
says by itself where it came from, `supported`. Only replays can say more (`verify.py`).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping

import msgspec

from forkpoint.diff.explain import Sources
from forkpoint.diff.rows import SAMPLING, Rows

SURE = 0.5
"""Strength from which a hop counts as content."""


class Cause(msgspec.Struct, frozen=True, kw_only=True):
    """A root row and the evidence that it led to the other outcome."""

    row: int
    word: str
    """none, possible or supported."""
    tier: str | None = None
    path: tuple[int, ...] = ()
    """Rows from the root to the last one before the outcome."""
    could_be_sampling: bool = False


def attribute(rows: Rows, sources: Mapping[int, Sources], outcome: Sources) -> list[Cause]:
    """Each root with its word, in run order. `outcome` holds the rows the outcome came from.

    Without any (equal outcomes) every word is `none`.
    """
    roots = rows.roots()
    surely = _ways(sources, outcome, least=SURE)
    perhaps = _ways(sources, outcome, least=0.0)
    causes: list[Cause] = []
    for at in roots:
        sampled = rows.sub[at] == SAMPLING
        if at in surely:
            path = _path(surely, at)
            cause = Cause(
                row=at, word="supported", tier="content", path=path, could_be_sampling=sampled
            )
        elif at in perhaps:
            path = _path(perhaps, at)
            cause = Cause(
                row=at, word="possible", tier="structural", path=path, could_be_sampling=sampled
            )
        else:
            cause = Cause(row=at, word="none", could_be_sampling=sampled)
        causes.append(cause)
    return causes


def _ways(sources: Mapping[int, Sources], outcome: Sources, *, least: float) -> dict[int, int]:
    """Rows that reach the outcome over hops of at least this strength: row -> next row, or -1."""
    following: dict[int, int] = {}
    todo: deque[int] = deque()
    for row, weight in sorted(outcome.items(), reverse=True):
        if weight >= least:
            following[row] = -1
            todo.append(row)
    while todo:
        at = todo.popleft()
        for row, weight in sources.get(at, {}).items():
            if weight >= least and row not in following:
                following[row] = at
                todo.append(row)
    return following


def _path(following: Mapping[int, int], row: int) -> tuple[int, ...]:
    path = [row]
    while (row := following[row]) >= 0:
        path.append(row)
    return tuple(path)
