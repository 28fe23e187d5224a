"""Subscribers that lose their line, and a service that loses Redis: each event once, in order."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx2
from faults.proxy import Line, Proxy, proxied
from faults.rounds import luck, rounds
from recorded import FINISH, INGEST, START
from recorded_runs import RecordedRun
from serving import Service, serving, settings_for
from stack import Database
from subscribing import RUN_EVENTS, socket_of
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidMessage

DROPS = 25 * rounds(2)
STEPS = 50
"""Of one batch; a message of the feed about it is some 18 KB."""
MOST_BYTES = 35_000
"""Of one connection, so about every second one ends within its first message."""
LOST = (ConnectionClosed, InvalidHandshake, InvalidMessage, EOFError, OSError)


async def test_a_subscriber_that_drops_at_random_points_gets_each_event_once(
    fresh_database: Database, tmp_path: Path
):
    chance, run = luck(), RecordedRun()
    limits = [chance.randint(1, MOST_BYTES) for _ in range(DROPS)]
    async with (
        serving(settings_for(fresh_database, tmp_path)) as service,
        proxied(service.url, limits=limits) as proxy,
    ):
        await service.data(START, r=run.start())
        seen = _Seen()
        following = asyncio.create_task(_follow(proxy, run.run_id, seen))
        sent = 0
        while proxy.accepted <= DROPS:  # each limited line was lost once there is one more
            await service.data(INGEST, e=run.steps(STEPS, first=sent))
            sent += STEPS
            await seen.until(2 * sent)
        await service.data(FINISH, r=run.end())
        dropped_at = await following

    print(f"{len(dropped_at)} drops after {len(set(dropped_at))} different events")
    assert len(dropped_at) == DROPS
    assert len(set(dropped_at)) > DROPS / 5
    assert seen.seqs == list(range(2 * sent))


async def test_a_service_parted_from_redis_goes_on_taking_and_telling(
    fresh_database: Database, tmp_path: Path
):
    """First nothing gets through and nobody is told, then connections are refused."""
    run, at = RecordedRun(), 0
    async with proxied(fresh_database.redis_url) as redis:
        settings = settings_for(
            fresh_database, tmp_path, redis_url=redis.url.replace("http", "redis")
        )
        async with serving(settings) as service, _followed(service, run) as seen:
            for line in (None, Line.SILENT, None, Line.REFUSING, None):
                if line is None:
                    redis.heal()
                else:
                    redis.part(line)
                for _ in range(3):
                    await service.data(INGEST, e=run.steps(5, first=at))
                    at += 5
                await seen.until(2 * at)
            await service.data(FINISH, r=run.end())
            await seen.task

    assert seen.seqs == list(range(2 * at))


class _Seen:
    """What a subscription has delivered so far."""

    def __init__(self) -> None:
        self.seqs: list[int] = []
        self.task: asyncio.Task[None]
        self._more = asyncio.Condition()

    @property
    def last(self) -> int:
        return self.seqs[-1] if self.seqs else -1

    async def add(self, seqs: list[int]) -> None:
        async with self._more:
            self.seqs += seqs
            self._more.notify_all()

    async def until(self, count: int) -> None:
        async with self._more:
            await self._more.wait_for(lambda: len(self.seqs) >= count)


@asynccontextmanager
async def _followed(service: Service, run: RecordedRun) -> AsyncGenerator[_Seen]:
    await service.data(START, r=run.start())
    seen = _Seen()

    async def follow() -> None:
        async with socket_of(service) as socket:
            await socket.subscribe(RUN_EVENTS, run=run.run_id, after="-1")
            async for data in socket.answers():
                await seen.add([event["seq"] for event in data["runEvents"]["events"]])

    seen.task = asyncio.create_task(follow())
    try:
        yield seen
    finally:
        seen.task.cancel()
        await asyncio.gather(seen.task, return_exceptions=True)


async def _follow(proxy: Proxy, run_id: str, seen: _Seen) -> list[int]:
    """Follow to the end, whatever the line does; the seqs after which it was lost."""
    dropped_at: list[int] = []
    async with httpx2.AsyncClient(base_url=proxy.url) as client:
        service = Service(url=proxy.url, client=client)
        while True:
            try:
                async with socket_of(service) as socket:
                    await socket.subscribe(RUN_EVENTS, run=run_id, after=str(seen.last))
                    async for data in socket.answers():
                        await seen.add([event["seq"] for event in data["runEvents"]["events"]])
                    return dropped_at
            except LOST:
                dropped_at.append(seen.last)
