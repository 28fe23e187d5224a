"""The rows of a run wherever they are stored: a fork begins with rows of the run it was made from.

`run_share` says which: events by their `seq`, steps by where they ended, and the artifacts of those
steps. What such a row says differently in the fork (run, times, how a replay came by it) is derived
here when it is read, and nowhere else. Only writers name the tables themselves.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal
from uuid import UUID

import msgspec
import orjson
from forkpoint.events.kinds import Match, Mode
from forkpoint.events.model import ReplayInfo, SourceRef
from sqlalchemy.ext.asyncio import AsyncConnection

from forkpoint_server.db.engine import Driver, driver
from forkpoint_server.db.tables import RUN_ITSELF, artifact, event, step

Rows = Literal["event", "step", "artifact"]

SERVED_FLAGS = (tuple(Mode).index(Mode.EXACT) + 1) << 8
"""`ingestion.flags` of a step that was served as recorded."""
REPLAY_FLAGS = 7 << 8 | 1 << 2 | 1 << 3 | 1 << 11
"""All bits of them that tell of a replay: mode, edited, diverged, tainted."""
COLUMNS: Mapping[Rows, Sequence[str]] = {
    "event": [column.name for column in event.columns],
    "step": [column.name for column in step.columns],
    "artifact": [column.name for column in artifact.columns],
}
STEPS_OF_RUN = """(
        select kind, name, model
        from step
        where step.run_id = r.run_id
        union all
        select kind, name, model
        from run_share
        join step on step.run_id = run_share.source_run_id
        where run_share.run_id = r.run_id and run_share.source_run_id <> r.run_id
            and step.end_seq >= run_share.from_seq and step.end_seq < run_share.until_seq
    ) as s"""
"""What the steps of each run `r` are, for questions about many runs."""
MOST_KNOWN = 50_000
_unshared: set[tuple[int, str]] = set()
"""Runs known to have all their rows themselves, which never changes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """Rows that stand under another run: events `first` <= seq < `until`."""

    first: int
    until: int
    holder: str
    """The run they stand under; the run itself once it has taken them over."""
    moved_ns: int
    own_steps: tuple[str, ...]
    """Steps open at `until`, of which the run has its own rows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Whole:
    """One run with what it shares."""

    run_id: str
    parent: str = ""
    session: str = ""
    executor: str = ""
    segments: tuple[Segment, ...] = ()
    replay: dict[str, object] = field(default_factory=dict[str, object])

    @property
    def until(self) -> int:
        """The first `seq` that is not of the run it was forked from."""
        return max((each.until for each in self.segments), default=0)

    def body(self, seq: int, body: bytes, time_ns: int) -> bytes:
        """The JSON of an event as this run has it, its fields in the order they are written in."""
        if seq >= self.until:
            return body
        fields = orjson.loads(body)
        fields["run_id"], fields["time_ns"] = self.run_id, time_ns
        if fields["event_type"] == "step_started":
            source = {"run": self.parent, "key": fields["key"], "seq": seq}
            fields["replay"] = {**self.replay, "source": source}
        return orjson.dumps(fields)

    def parts(self, rows: Rows) -> list[Segment]:
        """The segments that stand under other runs; of artifacts, the last one of each run."""
        shared = [each for each in self.segments if each.holder != self.run_id]
        if rows != "artifact":
            return shared
        return list({each.holder: each for each in shared}.values())

    def branch(self, rows: Rows, segment: Segment) -> str:
        """The rows of a segment as a select, in the words of this run. Of artifacts there may be
        more: of steps that the run does not have.
        """
        derived = self._derived(rows, segment)
        columns = ", ".join(derived.get(name, name) for name in COLUMNS[rows])
        return f"select {columns} from {rows} where {_within(rows, segment)}"

    def _derived(self, rows: Rows, segment: Segment) -> Mapping[str, str]:
        run = f"'{UUID(self.run_id)}'::uuid as run_id"
        moved = int(segment.moved_ns)
        if rows == "artifact":
            return {"run_id": run}
        if rows == "event":
            return {"run_id": run, "time_ns": f"time_ns + {moved} as time_ns"}
        # a colon before a word would be a parameter to SQLAlchemy, so there is a blank behind it
        replay = json.dumps(self.replay).replace("'", "''")
        return {
            "run_id": run,
            "start_ns": f"start_ns + {moved} as start_ns",
            "end_ns": f"end_ns + {moved} as end_ns",
            "flags": f"flags & ~{REPLAY_FLAGS} | {SERVED_FLAGS} as flags",
            "replay": f"'{replay}'::jsonb || jsonb_build_object('source', jsonb_build_object("
            f"'run', '{UUID(self.parent)}'::text, 'key', key, 'seq', seq)) as replay",
        }


async def whole_of(connection: AsyncConnection, project_id: int, run_id: str) -> Whole:
    """One run; to be asked for in the transaction that reads its rows."""
    return (await wholes_of(connection, project_id, [run_id]))[0]


async def wholes_of(
    connection: AsyncConnection, project_id: int, run_ids: Collection[str]
) -> list[Whole]:
    """Several runs; no statement if all are known to share nothing."""
    if all((project_id, run_id) in _unshared for run_id in run_ids):
        return [Whole(run_id=run_id) for run_id in run_ids]
    return await find_wholes(await driver(connection), project_id, run_ids)


async def find_wholes(raw: Driver, project_id: int, run_ids: Collection[str]) -> list[Whole]:
    """As `wholes_of`. Index: primary keys of `run` and `run_share`."""
    rows = await raw.fetch(
        """
        select run.run_id::text, run.parent_run_id::text, run.session_id, run_share.*
        from run
        left join run_share on run_share.run_id = run.run_id
        where run.run_id = any ($1::uuid[]) and run.project_id = $2
        order by run_share.from_seq
        """,
        list(run_ids),
        project_id,
    )
    found: dict[str, list[Any]] = {}
    for row in rows:
        found.setdefault(row[0], []).append(row)
    for run_id, [first, *_] in found.items():
        if first["from_seq"] is None:
            _remember(project_id, run_id)
    return [_whole(run_id, found.get(run_id, [])) for run_id in run_ids]


def rows_of(rows: Rows, wholes: Sequence[Whole], *, where: str = "", tail: str = "") -> str:
    """What to select from, in place of a table, to have all rows of some runs.

    The caller still says which runs it means. `where` is a condition of its over columns that are
    the same in all runs, `tail` an order by `seq` with a limit: given again here, they keep a page
    of a long fork from reading more of each part than a page. A table as such needs neither.
    """
    branches = [each.branch(rows, one) for each in wholes for one in each.parts(rows)]
    if not branches:
        return rows
    runs = ", ".join(f"'{UUID(each.run_id)}'" for each in wholes)
    own = f"select {', '.join(COLUMNS[rows])} from {rows} where run_id in ({runs})"
    narrowed = f" and ({where})" if where else ""
    return f"({' union all '.join(f'({each}{narrowed} {tail})' for each in (own, *branches))})"


def of_steps(steps: str) -> str:
    """The condition of artifacts of steps that `rows_of` gave."""
    return f"step_id = any (array(select step_id from {steps} as near))"


def _within(rows: Rows, segment: Segment) -> str:
    holder, first, until = f"'{UUID(segment.holder)}'", int(segment.first), int(segment.until)
    if rows == "event":
        return f"run_id = {holder} and seq >= {first} and seq < {until}"
    if rows == "step":
        ended = f"end_seq >= {first} and end_seq < {until}"
        return f"run_id = {holder} and seq < {until} and {ended}"
    own = ",".join(str(UUID(step_id)) for step_id in (RUN_ITSELF, *segment.own_steps))
    return f"run_id = {holder} and step_id <> all ('{{{own}}}'::uuid[])"


def _whole(run_id: str, rows: Sequence[Any]) -> Whole:
    if not rows or rows[0]["from_seq"] is None:
        return Whole(run_id=run_id)
    first = rows[0]
    info = ReplayInfo(
        session=first["session_id"] or "",
        mode=Mode.EXACT,
        match=Match.EXACT,
        source=SourceRef(run=first["parent_run_id"], key="", seq=0),
        executor=first["executor"],
    )
    return Whole(
        run_id=run_id,
        parent=first["parent_run_id"],
        session=first["session_id"],
        executor=first["executor"],
        replay=msgspec.to_builtins(info),
        segments=tuple(
            Segment(
                first=row["from_seq"],
                until=row["until_seq"],
                holder=str(row["source_run_id"]),
                moved_ns=row["moved_ns"],
                own_steps=tuple(row["own_steps"]),
            )
            for row in rows
        ),
    )


def _remember(project_id: int, run_id: str) -> None:
    if len(_unshared) >= MOST_KNOWN:
        _unshared.clear()
    _unshared.add((project_id, run_id))
