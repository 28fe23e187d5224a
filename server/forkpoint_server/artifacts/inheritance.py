"""A run goes whose rows forks share: the one that shares most of them takes these over."""

from __future__ import annotations

from collections.abc import Sequence

from forkpoint_server.db.engine import Driver
from forkpoint_server.db.whole import COLUMNS, Rows, Segment, Whole, find_wholes

EVENTS_AT_A_TIME = 20_000


async def pass_on(raw: Driver, project_id: int, run_ids: Sequence[str]) -> None:
    """Copy shared rows of runs that go to one of their forks each, and name it to the others.

    In the transaction that deletes them, after their rows of `run` were locked: a fork that begins
    meanwhile waits and then finds nothing to share. Index: `run_share_by_source`.
    """
    heirs = await raw.fetch(
        """
        select distinct on (source_run_id, from_seq)
          source_run_id::text as gone, from_seq, run_id::text as heir, moved_ns
        from run_share
        where project_id = $1
          and source_run_id = any ($2::uuid[])
          and not run_id = any ($2::uuid[])
        order by source_run_id, from_seq, until_seq desc, run_id
        """,
        project_id,
        list(run_ids),
    )
    for row in heirs:
        [whole] = await find_wholes(raw, project_id, [row["heir"]])
        segment = next(each for each in whole.segments if each.first == row["from_seq"])
        for first in range(0, segment.until, EVENTS_AT_A_TIME):
            until = min(first + EVENTS_AT_A_TIME, segment.until)
            for rows in ("event", "step", "artifact"):
                await _copy(raw, whole, segment, rows, f"seq >= {first} and seq < {until}")
        await raw.execute(
            """
            update run_share
            set source_run_id = $4, moved_ns = moved_ns - $5
            where project_id = $1 and source_run_id = $2 and from_seq = $3
            """,
            project_id,
            row["gone"],
            row["from_seq"],
            row["heir"],
            row["moved_ns"],
        )


async def _copy(raw: Driver, whole: Whole, segment: Segment, rows: Rows, where: str) -> None:
    """Rows as the heir has them read until now: those of one range, the last of them only once."""
    if rows == "artifact":
        where = f"""exists (
            select
            from step
            where step.run_id = artifact.run_id and step.step_id = artifact.step_id and {where}
              and end_seq >= {segment.first} and end_seq < {segment.until})"""
    await raw.execute(
        f"insert into {rows} ({', '.join(COLUMNS[rows])}) {whole.branch(rows, segment)} and {where}"
    )
