"""Events and blocks of one request, stored in one transaction or not at all."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from forkpoint.content import digest_text

from forkpoint_server import telemetry
from forkpoint_server.artifacts.blocks import Arrived, read_blocks
from forkpoint_server.artifacts.epochs import enter
from forkpoint_server.db.engine import Database, driver
from forkpoint_server.ingestion.conflicts import audit_conflicts
from forkpoint_server.ingestion.incoming import Incoming, Rejected, read_events, within
from forkpoint_server.ingestion.intake import Intake
from forkpoint_server.ingestion.sequence import Order
from forkpoint_server.ingestion.state import RunState, lock_runs
from forkpoint_server.ingestion.stored import load_orders
from forkpoint_server.live.publish import Publisher
from forkpoint_server.security.principals import Principal

LONG_BATCH = 500
"""Events and blocks from which they are worked on in a thread, so that others are served meanwhile.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """What one request brings, read and checked."""

    events: Sequence[Incoming]
    rejected: Sequence[Rejected]
    blocks: Arrived


@dataclass(frozen=True, slots=True, kw_only=True)
class IngestResult:
    """What became of a batch. If `missing` is not empty nothing of it was stored."""

    accepted: int = 0
    """Events that have their `seq` now."""
    duplicates: int = 0
    held: int = 0
    """Events that are stored and wait for predecessors of their writer."""
    rejected: tuple[Rejected, ...] = ()
    missing: tuple[str, ...] = ()
    """Digests of blocks that must be sent along."""
    cursors: dict[str, int] = field(default_factory=dict[str, int])
    """Highest committed `seq` of each run of the batch, -1 if none."""


async def ingest(
    connection_source: Database,
    principal: Principal,
    *,
    events: Sequence[object],
    blocks: Sequence[object],
    live: Publisher,
    clock: Callable[[], int] = time.time_ns,
    event_bytes: int | None = None,
) -> IngestResult:
    """Store parsed JSON values; when this returns they are committed.

    Raises `BadRequest` (`block_invalid`, `block_too_large`) and `Overloaded`; nothing is stored
    then. A bad event fails alone and is listed in `rejected`.
    """
    if len(events) + len(blocks) > LONG_BATCH:
        batch = await asyncio.to_thread(_read, events, blocks, event_bytes)
    else:
        batch = _read(events, blocks, event_bytes)
    return await store(connection_source, principal, batch, live=live, clock=clock)


async def store(
    connection_source: Database,
    principal: Principal,
    batch: Batch,
    *,
    live: Publisher,
    clock: Callable[[], int] = time.time_ns,
) -> IngestResult:
    """Store a batch; when this returns it is committed. Raises `Overloaded`."""
    async with connection_source.transaction(principal.project_id) as connection:
        raw = await driver(connection)
        intake = Intake(
            driver=raw,
            project_id=principal.project_id,
            epoch=await enter(raw, principal.project_id),
            now_ns=clock(),
        )
        runs = await lock_runs(raw, {each.event.run_id for each in batch.events})
        orders = await load_orders(raw, runs, events=batch.events)
        strangers = _sort(batch.events, orders)
        lacking = await intake.lacks(batch.blocks, _new(orders))
        if lacking:
            texts = tuple(digest_text(digest) for digest in lacking)
            return IngestResult(missing=texts, rejected=tuple(batch.rejected))
        await intake.store_blocks(batch.blocks, owner=_first(runs))
        await intake.write(runs, orders)
        await audit_conflicts(raw, principal, orders, now_ns=intake.now_ns)
    for run_id, order in orders.items():
        if order.ready:
            await live.published(run_id, runs[run_id].first_new, runs[run_id].head)
    return _counted(_result(runs, orders, [*batch.rejected, *strangers]))


def _read(events: Sequence[object], blocks: Sequence[object], event_bytes: int | None) -> Batch:
    read, rejected = read_events(events)
    small, large = within(read, event_bytes)
    return Batch(events=small, rejected=[*rejected, *large], blocks=read_blocks(blocks))


def _counted(result: IngestResult) -> IngestResult:
    telemetry.events_accepted.inc(result.accepted)
    telemetry.events_duplicate.inc(result.duplicates)
    telemetry.events_held.inc(result.held)
    for each in result.rejected:
        telemetry.events_rejected.labels(code=each.code).inc()
    return result


def _sort(read: Sequence[Incoming], orders: dict[str, Order]) -> list[Rejected]:
    """Give each run its events, in the order they came; those of no known run are returned."""
    by_run: dict[str, list[Incoming]] = {run_id: [] for run_id in orders}
    strangers: list[Rejected] = []
    for each in read:
        mine = by_run.get(each.event.run_id)
        if mine is None:
            strangers.append(_unknown_run(each))
        else:
            mine.append(each)
    for run_id, events in by_run.items():
        orders[run_id].take(events)
    return strangers


def _unknown_run(each: Incoming) -> Rejected:
    return Rejected(
        index=each.index,
        id=each.id.hex(),
        code="unknown_run",
        message="there is no such run; send its startRun first",
        field="run_id",
    )


def _new(orders: dict[str, Order]) -> list[Incoming]:
    return [each for order in orders.values() for each in (*order.ready, *order.held)]


def _first(runs: dict[str, RunState]) -> RunState | None:
    return next(iter(runs.values()), None)


def _result(
    runs: dict[str, RunState], orders: dict[str, Order], rejected: list[Rejected]
) -> IngestResult:
    every = rejected + [each for order in orders.values() for each in order.rejected]
    return IngestResult(
        accepted=sum(1 for order in orders.values() for each in order.ready if each.index >= 0),
        duplicates=sum(order.duplicates for order in orders.values()),
        held=sum(len(order.held) for order in orders.values()),
        rejected=tuple(sorted(every, key=lambda each: each.index)),
        cursors={run_id: run.head for run_id, run in runs.items()},
    )
