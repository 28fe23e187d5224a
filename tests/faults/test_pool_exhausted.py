"""No connection is free: 503 soon, the process stays alive, and all of it heals alone (F6)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator
from typing import Any

import asyncpg
import httpx2
import orjson
import pytest
import pytest_asyncio
from faults.load import SETBACKS, START
from faults.processes import api
from recorded_runs import RecordedRun
from stack import Database

SLOTS = 12
"""Connections of the writers' pool, with its overflow."""
MANY = httpx2.Limits(max_connections=SLOTS + 2)
SLEEP = """
create function sleep_on_insert() returns trigger language plpgsql
  as $$ begin perform pg_sleep(30); return new; end $$;
create trigger sleep before insert on run for each row when (new.name = 'sleepy')
  execute function sleep_on_insert();
"""
pytestmark = [pytest.mark.timeout(120), pytest.mark.asyncio(loop_scope="module")]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def client(
    database: Database, tmp_path_factory: pytest.TempPathFactory
) -> AsyncGenerator[httpx2.AsyncClient]:
    """Of an API in a process of its own, that answers."""
    database.sql(SLEEP)
    async with (
        api(database, tmp_path_factory.mktemp("pool")) as served,
        httpx2.AsyncClient(base_url=served.url, timeout=60, limits=MANY) as connected,
    ):
        while not await _answers(connected):
            await asyncio.sleep(0.02)
        yield connected


async def test_when_every_connection_sleeps_others_are_told_at_once_and_it_heals(
    database: Database, client: httpx2.AsyncClient
):
    sleeping = [
        asyncio.create_task(_start(client, RecordedRun(name="sleepy"))) for _ in range(SLOTS)
    ]
    await _until(database, "wait_event = 'PgSleep'", SLOTS)

    began = time.monotonic()
    refused = await _start(client, RecordedRun())
    print(f"refused after {time.monotonic() - began:.2f} s")
    health = await client.get("/healthz")
    still = sum(not task.done() for task in sleeping)
    slept = await asyncio.gather(*sleeping)
    healed = await _start(client, RecordedRun())

    assert refused == ("OVERLOADED", "no database connection was free in 2 s; send it again")
    assert (health.status_code, still) == (200, SLOTS)
    assert {code for code, _ in slept} == {"OVERLOADED"}
    assert healed == ("", "")


async def test_a_run_locked_by_a_session_that_idles_holds_up_nobody_else(
    database: Database, client: httpx2.AsyncClient
):
    locked, other = RecordedRun(), RecordedRun()
    events = locked.steps(1)
    for run in (locked, other):
        assert await _start(client, run) == ("", "")
    outside = await asyncpg.connect(database.url("admin").replace("+asyncpg", ""))
    idle = outside.transaction()
    await idle.start()
    await outside.execute("select from run where run_id = $1 for update", locked.run_id)

    waiting = asyncio.create_task(_send(client, events))
    await _until(database, "wait_event_type = 'Lock'", 1)
    others = [await _send(client, other.steps(1, first=n)) for n in range(5)]
    refused = await waiting
    await idle.rollback()
    healed = await _send(client, events)
    await outside.close()

    assert (others, refused, healed) == ([200] * 5, 503, 200)


async def _answers(client: httpx2.AsyncClient) -> bool:
    try:
        return (await client.get("/readyz")).status_code == 200
    except SETBACKS:
        return False


async def _start(client: httpx2.AsyncClient, run: RecordedRun) -> tuple[str, str]:
    """Code and message of the refusal; empty: it was opened."""
    body = orjson.dumps({"query": START, "variables": {"record": run.start()}})
    answer = await client.post(
        "/graphql", content=body, headers={"content-type": "application/json"}
    )
    errors: list[Any] = answer.json().get("errors", [])
    return (errors[0]["extensions"]["code"], errors[0]["message"]) if errors else ("", "")


async def _send(client: httpx2.AsyncClient, events: list[dict[str, object]]) -> int:
    body = b"\n".join(map(orjson.dumps, events))
    headers = {"content-type": "application/x-ndjson"}
    return (await client.post("/v1/events", content=body, headers=headers)).status_code


async def _until(database: Database, where: str, count: int) -> None:
    """Until so many sessions of the API wait for that."""
    question = (
        "select count(*) from pg_stat_activity "
        f"where datname = '{database.name}' and application_name = 'forkpoint' and {where}"
    )
    while int(await asyncio.to_thread(database.sql, question)) < count:
        await asyncio.sleep(0.02)
