"""One pub/sub connection for the process: who is woken, and what happens when it breaks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import redis.asyncio
from forkpoint_server.embedded import Embedded
from forkpoint_server.embedded.settings import External
from forkpoint_server.live.listen import Listener
from forkpoint_server.live.publish import RedisPublisher
from forkpoint_server.live.topics import project_topic, run_topic
from recorded import FINISH, INGEST, recorded
from serving import serving, settings_for
from stack import Database
from subscribing import seqs_of

PATIENCE_S = 60.0
"""Never waited for unless something is broken."""


@asynccontextmanager
async def listening(url: str) -> AsyncGenerator[tuple[Listener, RedisPublisher]]:
    """A listener that is connected, and a publisher of project 1."""
    client = redis.asyncio.Redis.from_url(url)
    listener = Listener(client)
    task = asyncio.create_task(listener.run())
    async with listener.subscribed("fp:test:ready") as ready:
        # connecting rings every bell once
        assert await ready.wait(PATIENCE_S) == {""}
    try:
        yield listener, RedisPublisher(client, 1)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await client.aclose()


async def test_a_message_wakes_the_subscribers_of_its_topic(database: Database):
    async with (
        listening(database.redis_url) as (listener, publisher),
        listener.subscribed(run_topic("r1")) as first,
        listener.subscribed(run_topic("r1")) as second,
        listener.subscribed(run_topic("r2")) as other,
    ):
        await publisher.published("r1", 3, 9)

        assert await first.wait(PATIENCE_S) == {"3:9"}
        assert await second.wait(PATIENCE_S) == {"3:9"}
        assert other.take() == set()


async def test_wake_ups_that_nobody_fetched_become_one(database: Database):
    async with (
        listening(database.redis_url) as (listener, publisher),
        listener.subscribed(project_topic(1)) as signal,
        listener.subscribed(run_topic("last")) as last,
    ):
        for number in range(100):
            await publisher.published("same", number, number)
        await publisher.published("last", 0, 0)
        await last.wait(PATIENCE_S)

        assert await signal.wait(PATIENCE_S) == {"same", "last"}


async def test_a_topic_without_subscribers_is_left(database: Database):
    client = redis.asyncio.Redis.from_url(database.redis_url)
    topic = run_topic("left")
    async with listening(database.redis_url) as (listener, _):
        async with listener.subscribed(topic):
            during = await client.pubsub_numsub(topic)
        while (await client.pubsub_numsub(topic))[0][1]:
            await asyncio.sleep(0)
    await client.aclose()

    assert during[0][1] == 1


async def test_after_redis_is_killed_events_still_arrive(database: Database, tmp_path: Path):
    external = External(database_url=database.url())
    with Embedded(tmp_path / "own", durable=False, external=external) as own:
        settings = settings_for(database, tmp_path, redis_url=own.redis_url)
        async with serving(settings) as service:
            run = recorded(steps=3)
            await run.send_start(service)
            following = asyncio.create_task(seqs_of(service, run.run_id))
            await service.data(INGEST, e=run.events[:2])

            own.child("valkey").stop()
            await service.data(INGEST, e=run.events[2:])
            await service.data(FINISH, r=run.finish_record())

            assert await following == [0, 1, 2, 3, 4, 5]
            ready = (await service.client.get("/readyz")).json()
            assert (ready["status"], ready["redis"]) == ("ready", "away")


async def test_a_redis_that_never_answers_is_waited_for_once_and_then_left_alone():
    asked: list[bytes] = []

    async def hear(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while piece := await reader.read(1024):
            asked.append(piece)
        writer.close()

    silent = await asyncio.start_server(hear, "127.0.0.1", 0)
    client = redis.asyncio.Redis(port=silent.sockets[0].getsockname()[1])
    publisher = RedisPublisher(client, 1)
    try:
        await publisher.published("a", 0, 1)
        heard = len(asked)
        for seq in range(100):
            await publisher.published("a", seq, seq)
    finally:
        await client.aclose()
        silent.close()

    assert heard > 0
    assert len(asked) == heard
