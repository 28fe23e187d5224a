"""Retention: which runs a project no longer keeps, and their removal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from forkpoint_server.artifacts.inheritance import pass_on
from forkpoint_server.db.engine import Driver

DAY_NS = 24 * 3600 * 10**9
RUNS_AT_A_TIME = 500
_OF_A_PAIR = ("diff_report", "attribution")
_OF_A_RUN = (
    "event",
    "derived_event",
    "staged_body",
    "held_event",
    "step",
    "artifact",
    "replay_call",
    "replay_progress",
    "replay_session",
    "baseline",
    "run_share",
    "run",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What a project keeps; None: no bound. Runs that still record are always kept."""

    max_age_days: float | None = None
    max_runs: int | None = None
    """The newest so many runs."""
    max_bytes: int | None = None
    """Of the newest runs together: event bodies, and blocks they were the first to bring."""
    max_run_bytes: int | None = None
    """Of one run."""

    @classmethod
    def of_settings(cls, settings: Mapping[str, object]) -> Rules:
        """From `project.settings["retention"]`; what is not a positive number is no bound."""

        def number(name: str) -> float | None:
            value = settings.get(name)
            if isinstance(value, bool) or not isinstance(value, int | float):
                return None
            return value if value > 0 else None

        def whole(name: str) -> int | None:
            value = number(name)
            return None if value is None else int(value)

        return cls(
            max_age_days=number("max_age_days"),
            max_runs=whole("max_runs"),
            max_bytes=whole("max_bytes"),
            max_run_bytes=whole("max_run_bytes"),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Doomed:
    """A run that retention would delete."""

    run_id: str
    name: str
    started_ns: int
    steps: int
    bytes: int
    reason: str
    """age, count, bytes, run_bytes, or plain (a trace without an agent, after a day): the first
    rule it breaks."""


async def plan(driver: Driver, project_id: int, rules: Rules, *, now_ns: int) -> list[Doomed]:
    """The oldest runs that break a rule, at most 500; nothing is deleted. Index: `run_by_start`."""
    rows = await driver.fetch(
        """
        with ranked as (
          select run_id, name, started_ns, step_count, stored_bytes, plain, received_ns,
            row_number() over newest as place, sum(stored_bytes) over newest as total,
            finished or status <> 'running' as is_over
          from run
          where project_id = $1
          window newest as (order by started_ns desc, run_id desc)),
        judged as (
          select *,
            case
              when plain and received_ns < $7 then 'plain'
              when started_ns < $2 then 'age'
              when place > $3 then 'count'
              when stored_bytes > $5 then 'run_bytes'
              when total > $4 then 'bytes'
            end as reason
          from ranked
          where is_over)
        select run_id::text, name, started_ns, step_count, stored_bytes, reason
        from judged
        where reason is not null
        order by started_ns, run_id
        limit $6
        """,
        project_id,
        None if rules.max_age_days is None else now_ns - int(rules.max_age_days * DAY_NS),
        rules.max_runs,
        rules.max_bytes,
        rules.max_run_bytes,
        RUNS_AT_A_TIME,
        now_ns - DAY_NS,
    )
    return [
        Doomed(
            run_id=row[0], name=row[1], started_ns=row[2], steps=row[3], bytes=row[4], reason=row[5]
        )
        for row in rows
    ]


async def delete_runs(driver: Driver, project_id: int, run_ids: Sequence[str]) -> int:
    """Delete runs of a project with everything that is theirs alone; how many there were.

    What forks share with them passes to one of these first.
    Blocks stay until the next collection finds that nothing reaches them.
    """
    rows = await driver.fetch(
        """
        select run_id::text
        from run
        where project_id = $1
          and run_id = any ($2::uuid[])
        order by run_id
        for update
        """,
        project_id,
        list(run_ids),
    )
    found = [row[0] for row in rows]
    await pass_on(driver, project_id, found)
    for table in _OF_A_RUN:
        await driver.execute(f"delete from {table} where run_id = any ($1::uuid[])", found)
    for table in _OF_A_PAIR:
        await driver.execute(
            f"delete from {table} where project_id = $1 and (a = any ($2) or b = any ($2::uuid[]))",
            project_id,
            found,
        )
    return len(found)
