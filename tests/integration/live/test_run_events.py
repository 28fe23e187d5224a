"""Subscriptions to one run: each later event once, in order, whatever Redis does."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from forkpoint.events.kinds import Kind
from recorded import FINISH, INGEST, Recording, recorded
from serving import Service, serving, settings_for
from stack import Database
from subscribing import RUN_EVENTS, seqs_of, socket_of


async def test_a_finished_run_is_delivered_whole_and_the_subscription_completes(service: Service):
    run = recorded(steps=4)
    await run.send(service)

    assert await seqs_of(service, run.run_id) == [0, 1, 2, 3, 4, 5, 6, 7]


@pytest.mark.parametrize("after", [-1, 0, 3, 7, 400])
async def test_resuming_after_a_seq_gives_each_later_one_once(service: Service, after: int):
    run = recorded(steps=4)
    await run.send(service)

    assert await seqs_of(service, run.run_id, after=after) == list(range(after + 1, 8))


async def test_a_follower_sees_events_as_they_are_committed(service: Service):
    run = recorded(steps=3)
    await run.send_start(service)

    following = asyncio.create_task(seqs_of(service, run.run_id))
    for event in run.events:
        await service.data(INGEST, e=[event])
    await service.data(FINISH, r=run.finish_record())

    assert await following == [0, 1, 2, 3, 4, 5]


async def test_the_last_batch_of_a_finished_run_carries_its_status(service: Service):
    run = recorded(steps=2)
    await run.send(service)

    async with socket_of(service) as socket:
        await socket.subscribe(RUN_EVENTS, run=run.run_id, after="-1")
        batches = [data["runEvents"] async for data in socket.answers()]

    assert batches[-1]["status"] == "OK"
    assert batches[-1]["toSeq"] == batches[-1]["head"] == "3"


async def test_without_redis_events_arrive_by_polling(database: Database, tmp_path: Path):
    async with serving(settings_for(database, tmp_path, redis_url=None)) as service:
        run = recorded(steps=2)
        await run.send_start(service)

        following = asyncio.create_task(seqs_of(service, run.run_id))
        await service.data(INGEST, e=run.events)
        await service.data(FINISH, r=run.finish_record())

        assert await following == [0, 1, 2, 3]


async def test_an_event_says_what_began_and_how_it_ended(service: Service):
    run = Recording()
    step = run.step("r#0", kind=Kind.TOOL, name="refund")
    run.end(step, status="error", error_class="HTTPStatusError", tokens_in=3)
    await run.send(service)

    async with socket_of(service) as socket:
        await socket.subscribe(RUN_EVENTS, run=run.run_id, after="-1")
        events = [e async for data in socket.answers() for e in data["runEvents"]["events"]]

    begun, ended = events
    assert (begun["type"], begun["kind"], begun["name"]) == ("step_started", "TOOL", "refund")
    assert (begun["status"], begun["stepSeq"]) == ("RUNNING", 0)
    assert (ended["type"], ended["status"], ended["stepSeq"]) == ("step_ended", "ERROR", 0)
    assert (ended["errorClass"], ended["tokensIn"]) == ("HTTPStatusError", 3)
    assert "parentSeq" not in begun


async def test_following_an_absent_run_is_an_error_and_not_a_wait(service: Service):
    async with socket_of(service) as socket:
        await socket.subscribe(RUN_EVENTS, run="0198c0de-0000-7000-8000-000000000000", after="-1")
        message = await socket.receive()

    assert message["payload"]["errors"][0]["extensions"]["code"] == "NOT_FOUND"
