"""Conflicts in the audit log: something came again with other content, and the first one stayed."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager

from forkpoint_server.db.engine import Database, Driver
from forkpoint_server.errors import Conflict
from forkpoint_server.ingestion.incoming import CONFLICT, Rejected
from forkpoint_server.ingestion.sequence import Order
from forkpoint_server.security.audit import Action, Entry, named, record, record_alone
from forkpoint_server.security.principals import Principal


async def audit_conflicts(
    raw: Driver, principal: Principal, orders: Mapping[str, Order], *, now_ns: int
) -> None:
    """One row for each run of a batch that had any; last in its transaction."""
    for run_id, order in sorted(orders.items()):
        if ids := _conflicting(order.rejected):
            entry = Entry(action=Action.EVENT_CONFLICT, target=run_id, facts=named(ids))
            await record(raw, principal, entry, now_ns=now_ns)


async def audit_counts(
    raw: Driver, principal: Principal, counts: Mapping[str, int], *, now_ns: int
) -> None:
    """As `audit_conflicts`, of spans: how many of each run came again as others."""
    for run_id, count in sorted(counts.items()):
        if count:
            entry = Entry(action=Action.EVENT_CONFLICT, target=run_id, facts={"count": count})
            await record(raw, principal, entry, now_ns=now_ns)


@asynccontextmanager
async def auditing_conflict(
    database: Database, principal: Principal, run_id: str, *, clock: Callable[[], int]
) -> AsyncGenerator[None]:
    """Write down a `Conflict` that a run's record met; the transaction inside was rolled back."""
    try:
        yield
    except Conflict:
        entry = Entry(action=Action.RUN_CONFLICT, target=run_id)
        await record_alone(database, principal, entry, now_ns=clock())
        raise


def _conflicting(rejected: Sequence[Rejected]) -> list[str]:
    return [each.id or "" for each in rejected if each.code == CONFLICT]
