"""Readers that fall behind, drop and come back; and followers of a whole project."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

from recorded import FINISH, INGEST, recorded
from serving import Service, serving, settings_for
from stack import Database
from subscribing import RUN_EVENTS, seqs_of, socket_of

RUNS_CHANGED = "subscription { runsChanged }"


async def test_a_reader_that_drops_again_and_again_gets_each_seq_once(service: Service):
    run = recorded(steps=60)
    await run.send(service)
    drops = random.Random(4)
    seen: list[int] = []

    while len(seen) < len(run.events):
        async with socket_of(service) as socket:
            after = seen[-1] if seen else -1
            await socket.subscribe(RUN_EVENTS, run=run.run_id, after=str(after))
            batch = (await anext(socket.answers()))["runEvents"]["events"]
            # only a part was worked through when the connection broke
            seen += [event["seq"] for event in batch[: drops.randint(1, 40)]]

    assert seen == list(range(120))


async def test_a_reader_that_does_not_read_gets_everything_later_and_stops_nobody(
    service: Service,
):
    run = recorded(steps=500)
    await run.send_start(service)
    async with socket_of(service) as slow:
        await slow.subscribe(RUN_EVENTS, run=run.run_id, after="-1")
        following = asyncio.create_task(seqs_of(service, run.run_id))
        for start in range(0, len(run.events), 250):
            await service.data(INGEST, e=run.events[start : start + 250])
        await service.data(FINISH, r=run.finish_record())

        assert await following == list(range(1000))
        late = [e["seq"] async for data in slow.answers() for e in data["runEvents"]["events"]]
        assert late == list(range(1000))


async def test_messages_hold_at_most_two_thousand_events(service: Service):
    run = recorded(steps=1_200)
    await run.send(service)

    async with socket_of(service) as socket:
        await socket.subscribe(RUN_EVENTS, run=run.run_id, after="-1")
        sizes = [len(data["runEvents"]["events"]) async for data in socket.answers()]

    assert sizes == [2_000, 400]


async def test_several_subscriptions_share_a_socket(service: Service):
    runs = [recorded(steps=2), recorded(steps=3)]
    for run in runs:
        await run.send(service)
    heads: dict[str, str] = {}

    async with socket_of(service) as socket:
        for run in runs:
            await socket.subscribe(RUN_EVENTS, id=run.run_id, run=run.run_id, after="-1")
        open_ones = {run.run_id for run in runs}
        while open_ones:
            message = await socket.receive()
            if message["type"] == "complete":
                open_ones.discard(message["id"])
            else:
                heads[message["id"]] = message["payload"]["data"]["runEvents"]["toSeq"]

    assert heads == {runs[0].run_id: "3", runs[1].run_id: "5"}


async def test_a_new_run_is_announced_to_its_project(service: Service):
    await assert_announced(service)


async def test_without_redis_a_new_run_is_found_by_looking(database: Database, tmp_path: Path):
    async with serving(settings_for(database, tmp_path, redis_url=None)) as service:
        await assert_announced(service)


async def assert_announced(service: Service) -> None:
    """A follower of the project is told about a run that is recorded now."""
    run = recorded(steps=1)
    async with socket_of(service) as socket:
        await socket.subscribe(RUNS_CHANGED)
        announced: set[str] = set()

        async def announce() -> None:
            async for data in socket.answers():
                announced.update(data["runsChanged"])
                if run.run_id in announced:
                    return

        waiting = asyncio.create_task(announce())
        await run.send(service)
        await waiting

    assert run.run_id in announced
