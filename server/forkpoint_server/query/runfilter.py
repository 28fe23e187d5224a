"""The filter of run lists as SQL conditions over `run r`; all of them must hold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from forkpoint.events.kinds import Kind

from forkpoint_server.db.whole import STEPS_OF_RUN

KINDS = tuple(Kind)
"""Kinds in the order of their numbers in the table."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFilter:
    """Which runs; a field that is None does not filter. Times in ns."""

    status: Sequence[str] | None = None
    name: str | None = None
    tag: str | None = None
    kind: Kind | None = None
    tool: str | None = None
    model: str | None = None
    since: int | None = None
    until: int | None = None
    text: str | None = None
    fork_of: str | None = None
    duration_over_ns: int | None = None
    ids: Sequence[str] | None = None
    plain: bool | None = None
    """True: only traces without an agent; else they are left out, and so are mirrors."""


_OF_STEPS = f"exists (select 1 from {STEPS_OF_RUN} where {{}})"
_TOOL = KINDS.index(Kind.TOOL)
_CONDITIONS = {
    "status": "r.status = any(cast(:status as text[]))",
    "name": "r.name = :name",
    "tag": "cast(:tag as text) = any(r.tags)",
    "kind": _OF_STEPS.format("s.kind = :kind"),
    "tool": _OF_STEPS.format(f"s.kind = {_TOOL} and s.name = :tool"),
    "model": _OF_STEPS.format("s.model = :model"),
    "since": "r.started_ns >= :since",
    "until": "r.started_ns < :until",
    "text": "(r.name ilike :text or r.error_class ilike :text or r.run_id::text like :text)",
    "fork_of": "r.parent_run_id = cast(:fork_of as uuid)",
    "duration_over_ns": "r.ended_ns - r.started_ns > :duration_over_ns",
    "ids": "r.run_id = any(cast(:ids as uuid[]))",
    "plain": "r.plain = cast(:plain as bool)",
}
_LISTED = "not r.plain and r.mirror_of is null"
"""What is listed and counted unless runs are asked for by id."""


def conditions(filter: RunFilter | None) -> tuple[list[str], dict[str, object]]:
    """SQL conditions, at least one, and the values they name."""
    given = {} if filter is None else {name: getattr(filter, name) for name in _CONDITIONS}
    values: dict[str, object] = {name: value for name, value in given.items() if value is not None}
    if isinstance(kind := values.get("kind"), Kind):
        values["kind"] = KINDS.index(kind)
    if "text" in values:
        values["text"] = contains_pattern(str(values["text"]))
    unasked = "true" if values.get("ids") is not None or values.get("plain") else _LISTED
    return [unasked, *(_CONDITIONS[name] for name in values)], values


def contains_pattern(part: str) -> str:
    """A LIKE pattern for texts that hold this one literally."""
    escaped = part.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{escaped}%"
