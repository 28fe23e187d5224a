"""Events and blocks of one request, stored in one transaction or not at all."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from forkpoint.content import Digest, digest_text

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
    batch = await read_batch(events, blocks, event_bytes=event_bytes)
    return await store(connection_source, principal, batch, live=live, clock=clock)


async def read_batch(
    events: Sequence[object], blocks: Sequence[object], *, event_bytes: int | None = None
) -> Batch:
    """Parsed JSON values as a batch. Raises `BadRequest` (`block_invalid`, `block_too_large`)."""
    if len(events) + len(blocks) > LONG_BATCH:
        return await asyncio.to_thread(_read, events, blocks, event_bytes)
    return _read(events, blocks, event_bytes)


async def store(
    connection_source: Database,
    principal: Principal,
    batch: Batch,
    *,
    live: Publisher,
    clock: Callable[[], int] = time.time_ns,
) -> IngestResult:
    """Store a batch; when this returns it is committed. Raises `Overloaded`."""
    try:
        [result] = await store_together(
            connection_source, principal, [batch], live=live, clock=clock
        )
    except Lacking as lacking:
        return IngestResult(missing=lacking.digests, rejected=tuple(batch.rejected))
    return result


async def store_together(
    connection_source: Database,
    principal: Principal,
    batches: Sequence[Batch],
    *,
    live: Publisher,
    clock: Callable[[], int] = time.time_ns,
) -> list[IngestResult]:
    """Store batches of one caller in one transaction, in their order, and answer each by itself.

    Raises `Lacking` if one needs blocks that are not there: nothing is stored then.
    """
    events = [each for batch in batches for each in batch.events]
    arrived = _all_blocks(batches)
    async with connection_source.transaction(principal.project_id) as connection:
        raw = await driver(connection)
        intake = Intake(
            driver=raw,
            project_id=principal.project_id,
            epoch=await enter(raw, principal.project_id),
            now_ns=clock(),
        )
        runs = await lock_runs(raw, {each.event.run_id for each in events})
        orders = await load_orders(raw, runs, events=events)
        tallies = [_sort(batch, orders) for batch in batches]
        lacking = await intake.lacks(arrived, _new(orders))
        if lacking:
            raise Lacking(tuple(digest_text(digest) for digest in lacking))
        fresh = await intake.store_blocks(arrived)
        _attribute(fresh, batches, runs)
        await intake.write(runs, orders)
        await audit_conflicts(raw, principal, orders, now_ns=intake.now_ns)
    for run_id, order in orders.items():
        if order.ready:
            await live.published(run_id, runs[run_id].first_new, runs[run_id].head)
    _place(batches, orders, tallies)
    return [
        _counted(_result(batch, tally, runs)) for batch, tally in zip(batches, tallies, strict=True)
    ]


class Lacking(Exception):
    """Blocks must be sent along; caught inside this room."""

    def __init__(self, digests: tuple[str, ...]) -> None:
        super().__init__(digests)
        self.digests = digests


@dataclass(slots=True)
class _Tally:
    """What became of the events of one batch."""

    accepted: int = 0
    duplicates: int = 0
    held: int = 0
    rejected: list[Rejected] = field(default_factory=list[Rejected])


def _all_blocks(batches: Sequence[Batch]) -> Arrived:
    if len(batches) == 1:
        return batches[0].blocks
    bodies: dict[Digest, bytes] = {}
    for batch in batches:
        bodies.update(batch.blocks.bodies)
    refers = frozenset(ref for batch in batches for ref in batch.blocks.refers)
    return Arrived(bodies=bodies, refers=refers)


def _attribute(fresh: int, batches: Sequence[Batch], runs: Mapping[str, RunState]) -> None:
    """Count new bytes on the run that brought them: of several batches, by their share."""
    sizes = [sum(map(len, batch.blocks.bodies.values())) for batch in batches]
    whole = sum(sizes)
    for batch, size in zip(batches, sizes, strict=True):
        known = (each.event.run_id for each in batch.events if each.event.run_id in runs)
        owner = next(known, None)
        if owner is not None and whole:
            runs[owner].stored_bytes += fresh * size // whole


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


def _sort(batch: Batch, orders: Mapping[str, Order]) -> _Tally:
    """Give each run its events of a batch, in the order they came; those of no run are refused."""
    tally = _Tally()
    by_run: dict[str, list[Incoming]] = {run_id: [] for run_id in orders}
    for each in batch.events:
        mine = by_run.get(each.event.run_id)
        if mine is None:
            tally.rejected.append(_unknown_run(each))
        else:
            mine.append(each)
    for run_id, events in by_run.items():
        if events:
            order = orders[run_id]
            duplicates, rejected = order.duplicates, len(order.rejected)
            order.take(events)
            tally.duplicates += order.duplicates - duplicates
            tally.rejected += order.rejected[rejected:]
    return tally


def _unknown_run(each: Incoming) -> Rejected:
    return Rejected(
        index=each.index,
        id=each.id.hex(),
        code="unknown_run",
        message="there is no such run; send its startRun first",
        field="run_id",
    )


def _new(orders: Mapping[str, Order]) -> list[Incoming]:
    return [each for order in orders.values() for each in (*order.ready, *order.held)]


def _place(
    batches: Sequence[Batch], orders: Mapping[str, Order], tallies: Sequence[_Tally]
) -> None:
    """Say of which batch the events are that have their `seq` now, and those that wait."""
    owners = {
        id(each): tally
        for batch, tally in zip(batches, tallies, strict=True)
        for each in batch.events
    }
    for order in orders.values():
        for each in order.ready:
            if (tally := owners.get(id(each))) is not None:  # else it had waited before
                tally.accepted += 1
        for each in order.held:
            owners[id(each)].held += 1


def _result(batch: Batch, tally: _Tally, runs: Mapping[str, RunState]) -> IngestResult:
    mine = {each.event.run_id for each in batch.events}
    every = [*batch.rejected, *tally.rejected]
    return IngestResult(
        accepted=tally.accepted,
        duplicates=tally.duplicates,
        held=tally.held,
        rejected=tuple(sorted(every, key=lambda each: each.index)),
        cursors={run_id: run.head for run_id, run in runs.items() if run_id in mine},
    )
