"""One writing transaction on runs: from ordered events to rows, counters and jobs."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta

from forkpoint.content import Digest

from forkpoint_server.artifacts import blocks
from forkpoint_server.artifacts.blocks import Arrived
from forkpoint_server.artifacts.epochs import Epoch
from forkpoint_server.db.engine import Driver
from forkpoint_server.ingestion.digests import read_digest
from forkpoint_server.ingestion.incoming import Incoming, artifacts_of, root_of
from forkpoint_server.ingestion.materialise import Materialiser
from forkpoint_server.ingestion.rows import KnownStep, Rows
from forkpoint_server.ingestion.rulesets import is_known
from forkpoint_server.ingestion.sequence import Order
from forkpoint_server.ingestion.state import RunState, store_runs
from forkpoint_server.ingestion.stored import known_steps
from forkpoint_server.ingestion.writer import hold_events, release_events, write_rows
from forkpoint_server.jobs.enqueue import enqueue
from forkpoint_server.jobs.names import JobKind

HOLD = timedelta(seconds=30)
"""How long an event waits for its predecessors before they are given up."""
LONG = 500
"""Events from which rows are made in a thread, so that others are served meanwhile."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Intake:
    """The transaction, entered into its project."""

    driver: Driver
    project_id: int
    epoch: Epoch
    now_ns: int

    async def lacks(self, arrived: Arrived, events: Iterable[Incoming]) -> list[Digest]:
        """Blocks that must come with these events and are neither here nor there."""
        roots = {
            read_digest(root)
            for each in events
            for ref in artifacts_of(each.event)
            if (root := root_of(ref)) is not None
        }
        return await self.lacks_roots(arrived, roots)

    async def lacks_roots(self, arrived: Arrived, roots: Collection[Digest]) -> list[Digest]:
        """As `lacks`, for roots."""
        return await blocks.missing(
            self.driver, self.project_id, epoch=self.epoch, arrived=arrived, roots=roots
        )

    async def store_blocks(self, arrived: Arrived) -> int:
        """Store what came along; the bytes of it that are new."""
        return await blocks.insert(
            self.driver, self.project_id, epoch=self.epoch, bodies=arrived.bodies
        )

    async def write(self, runs: Mapping[str, RunState], orders: Mapping[str, Order]) -> None:
        """Write what the orders hold: ready events, waiting ones, the runs that changed."""
        known = await known_steps(
            self.driver,
            {run_id: order.ready for run_id, order in orders.items() if runs[run_id].step_count},
        )
        rows = Rows()
        if sum(len(order.ready) for order in orders.values()) < LONG:
            self._materialise_all(runs, orders, rows, known)
        else:
            await asyncio.to_thread(self._materialise_all, runs, orders, rows, known)
        await write_rows(self.driver, rows)
        await self._hold(orders)
        changed = [
            runs[run_id] for run_id, order in sorted(orders.items()) if order.ready or order.held
        ]
        await store_runs(self.driver, changed, now_ns=self.now_ns)

    def materialiser(
        self, run: RunState, rows: Rows, known: dict[tuple[str, str], KnownStep]
    ) -> Materialiser:
        """What turns events of one run into rows."""
        return Materialiser(
            run,
            rows,
            known=known,
            project_id=self.project_id,
            gen=self.epoch.gen,
            ruleset_known=is_known(run.ruleset_id, registered=self.epoch.rulesets),
        )

    def _materialise_all(
        self,
        runs: Mapping[str, RunState],
        orders: Mapping[str, Order],
        rows: Rows,
        known: dict[tuple[str, str], KnownStep],
    ) -> None:
        for run_id in sorted(orders):
            self._materialise(runs[run_id], orders[run_id], rows, known)

    def _materialise(
        self,
        run: RunState,
        order: Order,
        rows: Rows,
        known: dict[tuple[str, str], KnownStep],
    ) -> None:
        run.first_new = run.head + 1
        if run.status == "interrupted" and order.ready:
            run.status = "running"
        into = self.materialiser(run, rows, known)
        for each in order.ready:
            into.place(each)
        # waiting events hang their artifacts at once: the collector must see what they need
        for each in (*order.ready, *order.held):
            if each.index >= 0:
                into.hang(each)

    async def _hold(self, orders: Mapping[str, Order]) -> None:
        released = [
            (run_id, *place) for run_id, order in orders.items() for place in order.released
        ]
        await release_events(self.driver, released)
        held = [each for order in orders.values() for each in order.held]
        await hold_events(self.driver, held, project_id=self.project_id, now_ns=self.now_ns)
        for run_id in {each.event.run_id for each in held}:
            await enqueue(
                self.driver,
                self.project_id,
                JobKind.CLOSE_GAPS,
                dedupe_key=run_id,
                run_id=run_id,
                delay=HOLD,
            )
