"""A run that begins with rows of another one: they are named, not written again (`db.whole`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from forkpoint.events.kinds import Kind
from forkpoint.events.model import Event, StepStarted

from forkpoint_server.db.engine import Driver
from forkpoint_server.db.whole import Whole, find_wholes, rows_of
from forkpoint_server.ingestion.incoming import incoming
from forkpoint_server.ingestion.intake import Intake
from forkpoint_server.ingestion.lanes import Lanes
from forkpoint_server.ingestion.materialise import step_row
from forkpoint_server.ingestion.rows import Rows, StepRow
from forkpoint_server.ingestion.state import FIRST_ERROR, LAST_STEP, RunState
from forkpoint_server.ingestion.writer import write_rows

_AGENT = tuple(Kind).index(Kind.AGENT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """What a new run has in common with the one it was made from: all before an event."""

    source: str
    until: int
    """The `seq` of the first event that the run writes itself."""
    moved_ns: int
    executor: str
    writers: Mapping[int, int]
    """Events of each writer before `until`."""
    own: Sequence[Event]
    """Events before it, as those of the new run, whose rows it needs itself: starts of steps that
    are open there, and notes on these and on the run that have payload."""


async def share_rows(intake: Intake, run: RunState, share: Share) -> bool:
    """Begin an empty run with rows of another; False if these may still change or go.

    A deletion of the other run waits for this transaction, or has come before it. Indexes: primary
    keys of `run`, `run_share`, `step`.
    """
    raw = intake.driver
    holders = await _settled(raw, intake.project_id, share)
    if holders is None:
        return False
    opened = [event for event in share.own if isinstance(event, StepStarted)]
    await _insert(raw, intake.project_id, run.run_id, share, [each.step_id for each in opened])
    [source] = await find_wholes(raw, intake.project_id, [share.source])
    if not holders.issuperset(each.holder for each in source.segments):
        await raw.execute("delete from run_share where run_id = $1", run.run_id)
        return False
    await _write_own(intake, run, share, opened, source)
    [whole] = await find_wholes(raw, intake.project_id, [run.run_id])
    await _count(raw, run, share, whole)
    return True


async def _settled(raw: Driver, project_id: int, share: Share) -> set[str] | None:
    """Lock the run to share with and those that hold its rows; None if it may still change."""
    rows = await raw.fetch(
        """
        select run_id::text,
          finished and intake = 'events' and gap_count = 0 and health = '{}' and head >= $3 as good
        from run
        where project_id = $2
          and (run_id = $1 or run_id in (select source_run_id from run_share where run_id = $1))
        order by run_id
        for share
        """,
        share.source,
        project_id,
        share.until - 1,
    )
    is_good = any(row["good"] for row in rows if row["run_id"] == share.source)
    return {row["run_id"] for row in rows} if is_good else None


async def does_share(raw: Driver, run_id: str) -> bool:
    """Whether a run began with rows of another. Index: primary key of `run_share`."""
    return await raw.fetchval("select exists (select from run_share where run_id = $1)", run_id)


async def _insert(
    raw: Driver, project_id: int, run_id: str, share: Share, opened: Sequence[str]
) -> None:
    """What the source shares itself is shared with whoever holds it: reading never goes on from
    run to run. Its own rows begin where those end.
    """
    await raw.execute(
        """
        with held as (
          select from_seq, until_seq, source_run_id, moved_ns, own_steps
          from run_share
          where run_id = $1
        )
        insert into run_share
          (run_id, from_seq, until_seq, project_id, source_run_id, moved_ns, own_steps, executor)
        select $2::uuid, from_seq, least(until_seq, $4), $3::int, source_run_id, moved_ns + $5,
          case when until_seq <= $4 then own_steps else $6::text[] end, $7::text
        from held
        where from_seq < $4
        union all
        select $2, own.from_seq, $4, $3, $1, $5, $6, $7
        from (select coalesce(max(until_seq), 0) as from_seq from held) as own
        where own.from_seq < $4
        """,
        share.source,
        run_id,
        project_id,
        share.until,
        share.moved_ns,
        list(opened),
        share.executor,
    )


async def _write_own(
    intake: Intake, run: RunState, share: Share, opened: Sequence[StepStarted], source: Whole
) -> None:
    """Rows of steps that are open at the end of what is shared, and payload of their beginning."""
    rows = Rows()
    into = intake.materialiser(run, rows, {})
    places: dict[str, Any] = {
        row["key"]: row
        for row in await intake.driver.fetch(
            f"""
            select key, seq, depth, lane, parent_seq
            from {rows_of("step", [source])} as step
            where run_id = $1 and key = any ($2::text[])
            """,
            share.source,
            [event.key for event in opened],
        )
    }
    for event in share.own:
        into.hang(incoming(event))
    for event in opened:
        rows.steps[event.run_id, event.step_id] = _row(event, places[event.key], intake.project_id)
    await write_rows(intake.driver, rows)


def _row(event: StepStarted, place: Mapping[str, Any], project_id: int) -> StepRow:
    return step_row(
        event,
        seq=place["seq"],
        depth=place["depth"],
        lane=place["lane"],
        parent_seq=place["parent_seq"],
        project_id=project_id,
    )


async def _count(raw: Driver, run: RunState, share: Share, whole: Whole) -> None:
    """Bring the counters of a run to where its shared steps and its own open ones leave them."""
    steps = rows_of("step", [whole])
    row = await raw.fetchrow(
        f"""
        select count(*) as steps, count(*) filter (where status = 'error') as errors,
          sum(tokens_in) filter (where kind <> {_AGENT})::bigint as tokens_in,
          sum(tokens_out) filter (where kind <> {_AGENT})::bigint as tokens_out,
          sum(cost_micro_usd) filter (where kind <> {_AGENT})::bigint as cost,
          max(seq) as last, (array_agg(seq order by end_seq) filter (where status = 'error'))[1]
            as first_error
        from {steps} as step
        where run_id = $1
        """,
        run.run_id,
    )
    lanes = await raw.fetch(
        f"""
        select distinct on (lane) lane, depth, strand,
          case when end_seq is null then step_id::text end as step
        from {steps} as step
        where run_id = $1
        order by lane, seq desc
        """,
        run.run_id,
    )
    run.head, run.writers = share.until - 1, dict(share.writers)
    run.step_count, run.error_count = row["steps"], row["errors"]
    run.tokens_in, run.tokens_out, run.cost_micro_usd = (
        row["tokens_in"],
        row["tokens_out"],
        row["cost"],
    )
    run.lanes = Lanes.load([[each["depth"], each["strand"], each["step"]] for each in lanes])
    if row["last"] is not None:
        run.opens_at(row["last"], rank=LAST_STEP)
    if row["first_error"] is not None:
        run.opens_at(row["first_error"], rank=FIRST_ERROR)
