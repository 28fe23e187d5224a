"""Events that never came: their place in the run is taken by `gap` events, so no hole is silent."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import timedelta

from forkpoint.events.model import Gap

from forkpoint_server.artifacts.epochs import enter
from forkpoint_server.db.engine import Database, driver
from forkpoint_server.ingestion.incoming import Incoming, incoming
from forkpoint_server.ingestion.intake import HOLD, Intake
from forkpoint_server.ingestion.sequence import Order, holes
from forkpoint_server.ingestion.state import RunState, lock_runs
from forkpoint_server.ingestion.stored import load_orders
from forkpoint_server.jobs.enqueue import enqueue
from forkpoint_server.jobs.names import JobKind
from forkpoint_server.live.publish import Publisher

NOT_SENT = "not_sent"
"""Reason of a gap found when the run was finished."""
TIMED_OUT = "timed_out"
"""Reason of a gap found because later events had waited for 30 s."""
WRITER_VANISHED = "writer_vanished"
"""Reason of a gap found because nobody had sent anything for this run any more."""


def make_gaps(
    order: Order, *, run_id: str, reason: str, now_ns: int, expected: Mapping[int, int]
) -> list[Incoming]:
    """A gap event for each range that is missing."""
    return [
        incoming(
            Gap(
                run_id=run_id,
                writer=writer,
                sequence_no=first,
                first=first,
                last=last,
                count=last - first + 1,
                reason=reason,
                time_ns=now_ns,
            )
        )
        for writer, first, last in holes(order, expected=expected)
    ]


async def close_gaps(
    database: Database,
    project_id: int,
    run_id: str,
    *,
    live: Publisher,
    reason: str = TIMED_OUT,
    patience: timedelta = HOLD,
    clock: Callable[[], int] = time.time_ns,
) -> int:
    """Give up the missing events if some have waited for them long enough; the events released.

    If those that wait are younger, a later job asks again.
    """
    now_ns = clock()
    async with database.transaction(project_id) as connection:
        raw = await driver(connection)
        intake = Intake(
            driver=raw,
            project_id=project_id,
            epoch=await enter(raw, project_id),
            now_ns=now_ns,
        )
        runs = await lock_runs(raw, [run_id])
        orders = await load_orders(raw, runs, events=())
        order = orders.get(run_id)
        if order is None or not order.waiting:
            return 0
        oldest = await raw.fetchval(
            "select min(received_ns) from held_event where run_id = $1", run_id
        )
        if now_ns - oldest < patience / timedelta(microseconds=1) * 1000:
            await enqueue(
                raw,
                project_id,
                JobKind.CLOSE_GAPS,
                dedupe_key=f"{run_id}:{oldest}",
                run_id=run_id,
                delay=patience,
            )
            return 0
        order.fill(make_gaps(order, run_id=run_id, reason=reason, now_ns=now_ns, expected={}))
        await intake.write(runs, orders)
    await tell(live, runs[run_id])
    return len(order.released)


async def tell(live: Publisher, run: RunState) -> None:
    """Publish what the last transaction added to a run."""
    await live.published(run.run_id, min(run.first_new, run.head), run.head)
