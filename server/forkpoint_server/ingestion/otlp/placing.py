"""Writes the derived order of a run: numbers, keys, parents, lanes of its steps, and its totals."""

from __future__ import annotations

from collections.abc import Sequence

from forkpoint.events.kinds import Kind

from forkpoint_server.db.engine import Driver
from forkpoint_server.ingestion.flags import StepFlag
from forkpoint_server.ingestion.otlp.arrange import Bare, Place, arrange

_SCOPES = [list(Kind).index(kind) for kind in (Kind.AGENT, Kind.CUSTOM)]
_ORPHAN = int(StepFlag.ORPHAN)


async def place_steps(driver: Driver, run_id: str) -> bool:
    """Arrange the steps of a run under its lock; whether anything moved.

    Index: primary key of `step`.
    """
    rows = await driver.fetch(
        """
        select step_id::text, parent_id::text, start_ns, end_ns, end_seq is not null, seq, end_seq,
          key, parent_seq, depth, lane, contended, flags
        from step
        where run_id = $1
        """,
        run_id,
    )
    places = arrange([Bare(row[0], row[1], row[2], row[3] if row[4] else None) for row in rows])
    stored = {row[0]: tuple(row)[5:] for row in rows}
    moved = [place for place in places if _columns(place) != _stored(stored[place.step_id])]
    if moved:
        await _write(driver, run_id, moved)
    return bool(moved)


async def find_mirrored(driver: Driver, run_id: str) -> None:
    """Say of a trace that it shows a run of our own recorder once more, if that run is there."""
    await driver.execute(
        """
        update run
        set mirror_of = own.run_id
        from run as own
        where run.run_id = $1
          and run.mirror_of is null
          and own.run_id = (run.otel ->> 'run')::uuid
          and own.intake = 'events'
        """,
        run_id,
    )


async def total(driver: Driver, run_id: str) -> None:
    """Sum what the calls of a run used.

    Scopes repeat their children and are left out, and so is a call that holds the same call once
    more, as two instrumentations at once record it.
    """
    await driver.execute(
        """
        update run
        set tokens_in = sums.tokens_in, tokens_out = sums.tokens_out,
          cost_micro_usd = sums.cost, error_count = sums.errors, started_ns = sums.started,
          opening_seq = coalesce(sums.first_error, sums.last),
          opening_rank = (sums.first_error is not null)::int
        from (
          select sum(tokens_in) filter (where counts) as tokens_in,
            sum(tokens_out) filter (where counts) as tokens_out,
            sum(cost_micro_usd) filter (where counts) as cost,
            count(*) filter (where status = 'error') as errors,
            min(start_ns) as started,
            min(seq) filter (where status = 'error') as first_error,
            max(seq) as last
          from (
            select *, kind <> all ($2::smallint[]) and not exists (
              select
              from step as inner_call
              where inner_call.run_id = $1
                and inner_call.parent_id = step.step_id
                and inner_call.kind = step.kind
                and inner_call.tokens_in is not null) as counts
            from step
            where run_id = $1) as step) as sums
        where run.run_id = $1
          and sums.started is not null
        """,
        run_id,
        _SCOPES,
    )


def _columns(place: Place) -> tuple[object, ...]:
    return (
        place.seq,
        place.end_seq,
        place.key,
        place.parent_seq,
        place.depth,
        place.lane,
        place.contended,
        place.orphan,
    )


def _stored(row: tuple[object, ...]) -> tuple[object, ...]:
    return (*row[:-1], bool(int(str(row[-1])) & _ORPHAN))


async def _write(driver: Driver, run_id: str, moved: Sequence[Place]) -> None:
    """Two statements: a number may only be taken when the step that had it has left it."""
    await driver.execute(
        """
        update step
        set seq = -1 - new.seq, end_seq = new.end_seq, key = new.key, parent_seq = new.parent_seq,
          depth = new.depth, lane = new.lane, contended = new.contended,
          flags = case when new.orphan then step.flags | $9 else step.flags & ~$9::int end
        from unnest($2::uuid[], $3::bigint[], $4::bigint[], $5::text[], $6::bigint[], $7::int[],
          $8::int[], $10::bool[], $11::bool[])
          as new (step_id, seq, end_seq, key, parent_seq, depth, lane, contended, orphan)
        where step.run_id = $1
          and step.step_id = new.step_id
        """,
        run_id,
        [place.step_id for place in moved],
        [place.seq for place in moved],
        [place.end_seq for place in moved],
        [place.key for place in moved],
        [place.parent_seq for place in moved],
        [place.depth for place in moved],
        [place.lane for place in moved],
        _ORPHAN,
        [place.contended for place in moved],
        [place.orphan for place in moved],
    )
    await driver.execute("update step set seq = -1 - seq where run_id = $1 and seq < 0", run_id)
