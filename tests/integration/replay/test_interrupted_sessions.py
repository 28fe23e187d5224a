"""Sessions whose worker fails, dies or is told to stop in the middle."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest
from forkpoint.events.kinds import Verdict
from forkpoint_cli.importers.agentdojo import import_log
from forkpoint_cli.importers.tape import Importer
from forkpoint_server.errors import Overloaded
from forkpoint_server.replay.plans import Asked
from forkpoint_server.replay.words import SessionState
from recorded_runs import RULESET
from stack import Database as Scratch
from working import bench

LOG = (
    Path(__file__).parents[3]
    / "examples/agentdojo/runs/gpt-4o-mini-2024-07-18-progent/banking/user_task_0/none/none.json"
)
IMPORTER = Importer(name="test", redact=lambda value: value, ruleset_id=RULESET)
DUE = "update job set run_at = now() where state = 'queued'"


class Clock:
    """Wall clock that does something when it is read for the n-th time since it was armed."""

    def __init__(self) -> None:
        self._left = -1
        self._then: Callable[[], None] = lambda: None

    def arm(self, reads: int, then: Callable[[], None]) -> None:
        self._left, self._then = reads, then

    def __call__(self) -> int:
        self._left -= 1
        if self._left == 0:
            self._then()
        return time.time_ns()


def fails() -> None:
    raise Overloaded("the database went away here")


@pytest.mark.parametrize("read", [2, 3, 4, 5])
async def test_a_session_goes_on_where_its_worker_failed(fresh_database: Scratch, read: int):
    clock = Clock()
    async with bench(fresh_database, clock=clock) as tools:
        run_id = await tools.store(import_log(LOG.read_bytes(), IMPORTER))
        (session_id,) = await tools.ask(Asked(run_id=run_id))
        fresh_database.sql("delete from job where kind <> 'replay'")
        clock.arm(read, fails)
        await tools.worker.work_off()
        fresh_database.sql(DUE)
        await tools.worker.work_off()
        session = await tools.session(session_id)
        old, new = await tools.read(run_id), await tools.read(session.new_run_id)

    attempts = fresh_database.sql("select attempt from job where kind = 'replay'")
    assert attempts == "2"
    assert (session.state, session.verdict) == (SessionState.FINISHED, Verdict.IDENTICAL)
    assert len(new.events) == len(old.events)


async def test_a_session_that_kills_its_workers_is_given_up(fresh_database: Scratch):
    async with bench(fresh_database) as tools:
        run_id = await tools.store(import_log(LOG.read_bytes(), IMPORTER))
        (session_id,) = await tools.ask(Asked(run_id=run_id))
        fresh_database.sql("update job set attempt = 5 where kind = 'replay'")
        await tools.worker.work_off()
        session = await tools.session(session_id)

    assert (session.state, session.reason) == (SessionState.FAILED, "internal")


async def test_a_session_cancelled_in_the_middle_leaves_a_cancelled_run(fresh_database: Scratch):
    clock = Clock()
    async with bench(fresh_database, clock=clock) as tools:
        run_id = await tools.store(import_log(LOG.read_bytes(), IMPORTER))
        (session_id,) = await tools.ask(Asked(run_id=run_id))
        fresh_database.sql("delete from job where kind <> 'replay'")
        cancelled = "update replay_session set state = 'cancelled', ended_ns = 1"
        clock.arm(4, lambda: fresh_database.sql(cancelled) and None)
        await tools.worker.work_off()
        session = await tools.session(session_id)

    runs = fresh_database.sql("select status from run order by parent_run_id nulls first")
    assert session.state is SessionState.CANCELLED
    assert runs.splitlines() == ["ok", "cancelled"]


async def test_many_sessions_of_one_run_are_executed_at_once(fresh_database: Scratch):
    async with bench(fresh_database) as tools:
        run_id = await tools.store(import_log(LOG.read_bytes(), IMPORTER))
        ids = await tools.ask(Asked(run_id=run_id), samples=20)
        await tools.worker.work_off()
        sessions = [await tools.session(each) for each in ids]

    assert {session.verdict for session in sessions} == {Verdict.IDENTICAL}
    assert len({session.new_run_id for session in sessions}) == 20
