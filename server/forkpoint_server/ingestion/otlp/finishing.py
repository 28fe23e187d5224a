"""The end of a derived run: when it is over, how it went, and its events for replays."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import orjson
from forkpoint.events.kinds import RunStatus
from forkpoint.events.model import RunEnd
from forkpoint.events.wire import encode

from forkpoint_server.db.engine import Driver
from forkpoint_server.ingestion.otlp.capabilities import capabilities
from forkpoint_server.ingestion.otlp.derived import derived_events, derived_start
from forkpoint_server.ingestion.otlp.store import have_derived

QUIET = timedelta(seconds=15)
"""A run with a root and no open step is over when nothing came for so long."""
LOST = timedelta(minutes=5)
"""The same for one that lacks its root, or has open steps: it is finished as incomplete."""
LATE = timedelta(minutes=5)
"""How long sealed bodies of a finished run are kept, for log records that come after it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What decides whether a run is over."""

    received_ns: int
    finished: bool
    head: int
    open_steps: int
    roots: int
    failed_roots: int
    orphans: int
    ended_ns: int

    def wait(self, *, now_ns: int) -> timedelta | None:
        """How long to wait before asking again; None: it is over."""
        whole = self.roots > 0 and self.open_steps == 0
        quiet = timedelta(microseconds=(now_ns - self.received_ns) // 1000)
        left = (QUIET if whole else LOST) - quiet
        return left if left > timedelta() else None

    @property
    def is_whole(self) -> bool:
        """Whether nothing of it is known to be missing."""
        return self.roots > 0 and self.open_steps == 0 and self.orphans == 0

    @property
    def status(self) -> RunStatus:
        """How the run went, by its roots."""
        if self.failed_roots:
            return RunStatus.ERROR
        return RunStatus.INTERRUPTED if self.open_steps else RunStatus.OK


async def standing(driver: Driver, run_id: str) -> Standing | None:
    """Lock a run and see how it stands; None if it was deleted. Index: primary keys."""
    row = await driver.fetchrow(
        "select received_ns, finished, head from run where run_id = $1 for update", run_id
    )
    if row is None:
        return None
    counts = await driver.fetchrow(
        """
        select count(*) filter (where end_seq is null),
          count(*) filter (where parent_id is null),
          count(*) filter (where parent_id is null and status = 'error'),
          count(*) filter (where parent_id is not null and parent_seq is null),
          coalesce(max(greatest(start_ns, end_ns)), 0)
        from step
        where run_id = $1
        """,
        run_id,
    )
    return Standing(
        received_ns=row[0],
        finished=row[1],
        head=row[2],
        open_steps=counts[0],
        roots=counts[1],
        failed_roots=counts[2],
        orphans=counts[3],
        ended_ns=counts[4],
    )


async def end_now(driver: Driver, run_id: str, *, project_id: int, now_ns: int) -> int | None:
    """Have a derived run finished without waiting for quiet; the job that does it, if it is free.

    None of its spans counts as fresh any more. Its status is that of its roots, and a span that
    comes later opens it again.
    """
    await driver.execute(
        "update run set received_ns = least(received_ns, $2) where run_id = $1",
        run_id,
        now_ns - LOST // timedelta(microseconds=1) * 1000 - 1,
    )
    return await have_derived(driver, [run_id], project_id=project_id)


async def finish(driver: Driver, run_id: str, at: Standing, *, project_id: int) -> None:
    """Close a run under its lock; a later span opens it again and has this done once more."""
    await driver.execute(
        """
        update step
        set status = 'interrupted', flags = flags & ~2
        where run_id = $1
          and status = 'running'
        """,
        run_id,
    )
    end = RunEnd(
        run_id=run_id,
        status=at.status,
        ended_ns=at.ended_ns or at.received_ns,
        events={"0": at.head + 1},
    )
    able = await capabilities(driver, run_id, at)
    await driver.execute(
        """
        update run
        set status = $2, ended_ns = $3, end_record = $4, finished = true,
          revision = revision + 1, events_expected = $5::jsonb, capabilities = $6::jsonb,
          health = case when $7 then array_remove(health, 'incomplete')
            else array_append(array_remove(health, 'incomplete'), 'incomplete') end
        where run_id = $1
        """,
        run_id,
        end.status.value,
        end.ended_ns,
        encode(end),
        orjson.dumps(end.events).decode(),
        orjson.dumps(able).decode(),
        at.is_whole,
    )
    await derived_start(driver, run_id)
    await derived_events(driver, run_id, project_id=project_id)


async def drop_staged(driver: Driver, run_id: str) -> None:
    """Delete the sealed bodies of a finished run: its artifacts are final."""
    await driver.execute("delete from staged_body where run_id = $1 and mapped", run_id)
