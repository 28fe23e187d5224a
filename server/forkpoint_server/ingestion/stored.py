"""What is stored already of the things a batch speaks of: events, waiting events, steps."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from forkpoint.events.model import StepStarted

from forkpoint_server.db.engine import Driver
from forkpoint_server.ingestion.incoming import Incoming, step_of
from forkpoint_server.ingestion.reading import read_stored
from forkpoint_server.ingestion.rows import KnownStep
from forkpoint_server.ingestion.sequence import Order
from forkpoint_server.ingestion.state import RunState


async def load_orders(
    driver: Driver, runs: Mapping[str, RunState], *, events: Collection[Incoming]
) -> dict[str, Order]:
    """The order of each run as it stands, with what is stored of `events`.

    A stored event has a sequence number below the one its writer is expected to send next, so
    only such events are looked up: of a batch that is sent for the first time, none.
    Index: unique (run_id, event_id) of `event`, primary key of `held_event`.
    """
    orders = {
        run_id: Order(next=run.writers, finished=run.finished) for run_id, run in runs.items()
    }
    if not runs:
        return orders
    stored: dict[str, dict[bytes, bytes]] = {run_id: {} for run_id in runs}
    event_ids = [each.id for each in events if _may_be_stored(each, runs)]
    if event_ids:
        for row in await driver.fetch(
            """
            select run_id::text, event_id, digest
            from event
            where run_id = any ($1::uuid[])
              and event_id = any ($2::bytea[])
            """,
            list(runs),
            event_ids,
        ):
            stored[row[0]][row[1]] = row[2]
    for run_id, digests in stored.items():
        orders[run_id].stored = digests
    for row in await driver.fetch(
        """
        select run_id::text, writer, sequence_no, event_id, digest, body
        from held_event
        where run_id = any ($1::uuid[])
        """,
        list(runs),
    ):
        orders[row[0]].waiting[row[1], row[2]] = Incoming(
            index=-1, event=read_stored(row[5]), id=row[3], digest=row[4], body=row[5]
        )
    return orders


def _may_be_stored(each: Incoming, runs: Mapping[str, RunState]) -> bool:
    run = runs.get(each.event.run_id)
    return run is not None and each.event.sequence_no < run.writers.get(each.event.writer, 0)


async def known_steps(
    driver: Driver, ready: Mapping[str, Sequence[Incoming]]
) -> dict[tuple[str, str], KnownStep]:
    """The steps that events speak of, as they are stored. Index: primary key of `step`."""
    wanted: set[str] = set()
    for events in ready.values():
        wanted.update(step for each in events if (step := step_of(each.event)))
        wanted.update(
            each.event.parent_id
            for each in events
            if isinstance(each.event, StepStarted) and each.event.parent_id
        )
    if not wanted:
        return {}
    rows = await driver.fetch(
        """
        select run_id::text, step_id::text, seq, depth, kind, end_seq is not null
        from step
        where run_id = any ($1::uuid[])
          and step_id = any ($2::uuid[])
        """,
        list(ready),
        list(wanted),
    )
    return {
        (row[0], row[1]): KnownStep(seq=row[2], depth=row[3], kind=row[4], ended=row[5])
        for row in rows
    }
