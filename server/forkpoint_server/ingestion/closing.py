"""What has to be said of steps and runs that nobody will end."""

from __future__ import annotations

from forkpoint_server.db.engine import Driver

RUNS_AT_A_TIME = 500


async def close_steps(driver: Driver, run_id: str) -> int | None:
    """Mark steps that are still open as interrupted, and name parents that came late.

    Returns the head of the run, None if it is not there. `revision` grows if a row changed.
    Index: primary key of `step`.
    """
    head = await driver.fetchval("select head from run where run_id = $1 for update", run_id)
    if head is None:
        return None
    closed = await driver.execute(
        """
        update step
        set status = 'interrupted', flags = flags & ~2
        where run_id = $1
          and status = 'running'
        """,
        run_id,
    )
    named = await driver.execute(
        """
        update step
        set parent_seq = parent.seq, depth = parent.depth + 1
        from step as parent
        where step.run_id = $1
          and step.parent_seq is null
          and step.parent_id is not null
          and parent.run_id = $1
          and parent.step_id = step.parent_id
        """,
        run_id,
    )
    if (closed, named) != ("UPDATE 0", "UPDATE 0"):
        await driver.execute("update run set revision = revision + 1 where run_id = $1", run_id)
    return head


async def interrupt_runs(
    driver: Driver, project_id: int, *, idle_since_ns: int, busy_since_ns: int
) -> list[tuple[str, int]]:
    """Mark runs as interrupted, with their open steps, of which nothing was heard; ids and heads.

    A run with an open step may be inside a long call: it gets until `busy_since_ns`.
    Index: `run_unfinished`, primary key of `step`.
    """
    rows = await driver.fetch(
        """
        with silent as materialized (
          select run_id
          from run
          where project_id = $1
            and not finished
            and intake = 'events'
            and status = 'running'
            and received_ns < $2
            and (received_ns < $3 or not exists (
              select
              from step
              where step.run_id = run.run_id and step.status = 'running'))
          order by run_id
          limit $4
          for update skip locked)
        update run
        set status = 'interrupted', revision = revision + 1
        from silent
        where run.run_id = silent.run_id
        returning run.run_id::text, head
        """,
        project_id,
        idle_since_ns,
        busy_since_ns,
        RUNS_AT_A_TIME,
    )
    await driver.execute(
        """
        update step
        set status = 'interrupted', flags = flags & ~2
        where run_id = any ($1::uuid[])
          and status = 'running'
        """,
        [row[0] for row in rows],
    )
    return [(row[0], row[1]) for row in rows]
