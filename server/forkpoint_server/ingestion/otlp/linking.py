"""Which model asked for a tool step: by the id of the call, else by name and order in its scope."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import orjson
from forkpoint.events.kinds import Kind

from forkpoint_server.db.engine import Driver

_TOOL = tuple(Kind).index(Kind.TOOL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """A model step with its asks, or a tool step with the mark of its call."""

    step_id: str
    parent_id: str | None
    name: str
    is_tool: bool
    call_mark: str | None = None
    asks: tuple[tuple[str | None, str], ...] = ()


@dataclass(slots=True)
class _Open:
    """The last answer of a scope, with the calls in it that no step answered yet."""

    model: str
    asks: list[tuple[str | None, str]] = field(default_factory=list[tuple[str | None, str]])

    def take(self, name: str) -> bool:
        """Whether a call of that name waits; it is answered now."""
        for place, (_, asked) in enumerate(self.asks):
            if asked == name:
                del self.asks[place]
                return True
        return False


def links(steps: Sequence[Caller]) -> Mapping[str, str]:
    """Model step by tool step; `steps` are in derived order. Pure."""
    asked: dict[str, str] = {}
    scopes: dict[str | None, _Open] = {}
    found: dict[str, str] = {}
    for step in steps:
        if not step.is_tool:
            asked |= {mark: step.step_id for mark, _ in step.asks if mark is not None}
            scopes[step.parent_id] = _Open(step.step_id, list(step.asks))
            continue
        model = asked.get(step.call_mark) if step.call_mark is not None else None
        if model is None:
            model = _by_name(step, scopes.get(step.parent_id))
        if model is not None:
            found[step.step_id] = model
    return found


def _by_name(step: Caller, waiting: _Open | None) -> str | None:
    """By name and order, where one side has no ids."""
    if waiting is None:
        return None
    if step.call_mark is not None and any(mark is not None for mark, _ in waiting.asks):
        return None
    return waiting.model if waiting.take(step.name) else None


async def link_calls(driver: Driver, run_id: str) -> None:
    """Keep the links of a run, under its lock. Index: primary key of `step`."""
    rows = await driver.fetch(
        """
        select step_id::text, parent_id::text, name, kind, call_mark, asks::text, asked_by::text
        from step
        where run_id = $1
          and (kind = $2 or asks is not null)
        order by seq
        """,
        run_id,
        _TOOL,
    )
    found = links([_caller(row) for row in rows])
    moved = [row[0] for row in rows if row[3] == _TOOL and row[6] != found.get(row[0])]
    if moved:
        await driver.execute(
            """
            update step
            set asked_by = new.asked_by
            from unnest($2::uuid[], $3::uuid[]) as new (step_id, asked_by)
            where step.run_id = $1
              and step.step_id = new.step_id
            """,
            run_id,
            moved,
            [found.get(step_id) for step_id in moved],
        )


def _caller(row: Any) -> Caller:
    asks = cast("list[tuple[str | None, str]]", orjson.loads(row[5])) if row[5] else []
    return Caller(
        step_id=row[0],
        parent_id=row[1],
        name=row[2],
        is_tool=row[3] == _TOOL,
        call_mark=row[4],
        asks=tuple((mark, name) for mark, name in asks),
    )
