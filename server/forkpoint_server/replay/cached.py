"""Answers of other runs to an equal call: what `cached` of scope `lineage` and `project` serves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from forkpoint_server.db.engine import Driver

NEWEST = 500
"""Runs of a project that are looked through, the newest first."""
LONGEST_LINEAGE = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Cached:
    """A recorded step with the event that ended it."""

    run_id: str
    step_id: str
    key: str
    seq: int
    end: bytes


async def lineage_of(raw: Driver, project_id: int, run_id: str) -> list[str]:
    """The runs a run was forked from, the nearest first. Index: primary key of `run`."""
    rows = await raw.fetch(
        """
        with recursive chain (run_id, parent, depth) as (
          select run_id, parent_run_id, 0
          from run
          where run_id = $1 and project_id = $2
          union all
          select run.run_id, run.parent_run_id, depth + 1
          from chain
          join run on run.run_id = chain.parent and run.project_id = $2
          where depth < $3)
        select run_id::text
        from chain
        where depth > 0
        order by depth
        """,
        run_id,
        project_id,
        LONGEST_LINEAGE,
    )
    return [row[0] for row in rows]


async def find_answers(
    raw: Driver,
    project_id: int,
    *,
    runs: Sequence[str] | None,
    without: str,
    kind: int,
    name: str,
    signature: bytes,
    not_before_ns: int,
    errors: bool,
    given: Sequence[str],
    limit: int = 1,
) -> list[Cached]:
    """Clean answers of a call in `runs`, or in the newest runs of the project: newest run first,
    those of one run as they were recorded.

    Runs with a tainted step are passed over. Indexes: `run_by_start`, primary keys of `step` and
    `event`.
    """
    rows = await raw.fetch(
        """
        with candidate as materialized (
          select run_id, started_ns
          from run
          where project_id = $1 and run_id <> $3 and finished and intake <> 'otlp'
            and ($2::uuid[] is null or run_id = any ($2::uuid[]))
          order by started_ns desc, run_id
          limit $10),
        held as materialized (
          select run_id, started_ns, run_id as holder, 0 as first, null::bigint as until, 0 as moved
          from candidate
          union all
          select run_id, started_ns, source_run_id, from_seq, until_seq, moved_ns
          from candidate
          join run_share using (run_id)
          where source_run_id <> run_id)
        select held.run_id::text, step.step_id::text, step.key, step.seq, event.body
        from held
        join step on step.run_id = held.holder and step.project_id = $1
          and (held.until is null or step.end_seq >= held.first and step.end_seq < held.until)
        join event on event.run_id = step.run_id and event.seq = step.end_seq
          and event.project_id = $1
        where step.signature = $4 and step.kind = $5 and step.name = $6
          and step.end_ns + held.moved >= $7
          and (step.status = 'ok' or $8 and step.status = 'error')
          and not step.step_id = any ($9::uuid[])
          and not exists (
            select from step as marked
            where marked.run_id = held.run_id and marked.replay ? 'taint')
          and not exists (
            select from artifact
            where artifact.run_id = step.run_id and artifact.step_id = step.step_id
              and artifact.state <> 'clean')
        order by held.started_ns desc, held.run_id, step.seq
        limit $11
        """,
        project_id,
        runs,
        without,
        signature,
        kind,
        name,
        not_before_ns,
        errors,
        list(given),
        NEWEST,
        limit,
    )
    return [
        Cached(run_id=row[0], step_id=row[1], key=row[2], seq=row[3], end=bytes(row[4]))
        for row in rows
    ]
