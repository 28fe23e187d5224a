"""A replay compared with its source while it runs, as the cockpit follows it."""

from __future__ import annotations

import base64
from array import array
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from forkpoint.events.model import Mode, ReplayInfo
from forkpoint_server.artifacts.memory import MemoryBlobs
from forkpoint_server.db.engine import Database as Engine
from forkpoint_server.diff.columns import load_columns
from forkpoint_server.diff.comparisons import Comparisons
from integration.diff.test_comparisons import Talk, said, talk
from recorded import FINISH, INGEST
from serving import Service, serving, settings_for
from stack import Database
from subscribing import Socket, socket_of

PROJECT = 1
PROGRESS = """subscription($a: ID!, $b: ID!) { diffProgress(a: $a, b: $b) {
  headA headB verdict provisional counts fromRow total rootCount
  firstDivergence { index class sub keyA keyB }
  pairs { start rows aIndex bIndex class classes } } }"""
DIFF = """query($a: ID!, $b: ID!) { diff(a: $a, b: $b) { verdict counts
  pairs { start rows aIndex bIndex class classes } } }"""


class Page:
    """What a reader holds: rows, replaced from `fromRow` on by each message."""

    def __init__(self) -> None:
        self.rows: list[tuple[int, int, str]] = []
        self.last: dict[str, Any] = {}

    def take(self, message: dict[str, Any]) -> None:
        self.last = message
        assert message["fromRow"] <= len(self.rows)
        self.rows[message["fromRow"] :] = rows_of(message["pairs"])
        assert len(self.rows) == message["total"]


def rows_of(pairs: dict[str, Any]) -> list[tuple[int, int, str]]:
    columns: list[list[int]] = []
    for code, name in (("i", "aIndex"), ("i", "bIndex"), ("B", "class")):
        values: array[int] = array(code)
        values.frombytes(base64.b64decode(pairs[name]))
        columns.append(list(values))
    return [(a, b, pairs["classes"][at]) for a, b, at in zip(*columns, strict=True)]


def forked() -> Talk:
    run = Talk()
    exact = ReplayInfo(session="s", mode=Mode.EXACT)
    edited = ReplayInfo(session="s", mode=Mode.EXACT, edit=0)
    run.model("r#0", [said("user", "sum up")], "read the file", replay=exact)
    run.tool("r#1", "a.txt", "a text that was put in its place", replay=edited)
    later = [said("user", "sum up"), said("tool", "a text that was put in its place")]
    run.model("r#2", later, "another sum")
    return run


@asynccontextmanager
async def following(service: Service, a: str, b: str) -> AsyncGenerator[Socket]:
    async with socket_of(service) as socket:
        await socket.subscribe(PROGRESS, a=a, b=b)
        yield socket


async def send_slowly(service: Service, run: Talk, socket: Socket, page: Page) -> None:
    """One event after the other, each when the one before was seen."""
    blocks = list(run.blocks.values())
    messages = socket.answers()
    page.take((await anext(messages))["diffProgress"])
    for event in run.events:
        await service.data(INGEST, e=[event], b=blocks)
        page.take((await anext(messages))["diffProgress"])
    await service.data(FINISH, r=run.finish_record())
    async for data in messages:
        page.take(data["diffProgress"])


async def test_a_running_replay_is_compared_with_its_source_as_it_goes(service: Service):
    source, replay, page = talk("text of the file", "sum"), forked(), Page()
    await source.send(service)
    await replay.send_start(service)

    async with following(service, source.run_id, replay.run_id) as socket:
        await send_slowly(service, replay, socket, page)

    final = (await service.data(DIFF, a=source.run_id, b=replay.run_id))["diff"]
    assert page.rows == rows_of(final["pairs"]) and len(page.rows) == 3
    assert (page.last["verdict"], page.last["counts"]) == (final["verdict"], final["counts"])
    assert page.last["firstDivergence"] == {
        "index": 1,
        "class": "intervention",
        "sub": "output",
        "keyA": "r#1",
        "keyB": "r#1",
    }
    assert (page.last["provisional"], page.last["headB"]) == (False, "5")


async def test_only_rows_that_changed_are_sent_again(service: Service):
    source, replay = talk("text of the file", "sum"), forked()
    await source.send(service)
    await replay.send_start(service)
    await service.data(INGEST, e=replay.events[:4], b=list(replay.blocks.values()))

    async with following(service, source.run_id, replay.run_id) as socket:
        messages = socket.answers()
        first = (await anext(messages))["diffProgress"]
        await service.data(INGEST, e=replay.events[4:])
        second = (await anext(messages))["diffProgress"]

    assert (first["fromRow"], first["total"], first["provisional"]) == (0, 3, True)
    assert (second["fromRow"], second["total"], second["pairs"]["rows"]) == (2, 3, 1)


async def test_two_finished_runs_are_told_once(service: Service):
    one, two = talk("text", "sum"), talk("text", "sum")
    await one.send(service)
    await two.send(service)

    async with following(service, one.run_id, two.run_id) as socket:
        told = [data["diffProgress"] async for data in socket.answers()]

    assert [(message["verdict"], message["provisional"]) for message in told] == [
        ("identical", False)
    ]


async def test_without_redis_the_comparison_goes_on_by_polling(database: Database, tmp_path: Path):
    async with serving(settings_for(database, tmp_path, redis_url=None)) as service:
        source, replay, page = talk("text of the file", "sum"), forked(), Page()
        await source.send(service)
        await replay.send_start(service)
        async with following(service, source.run_id, replay.run_id) as socket:
            messages = socket.answers()
            page.take((await anext(messages))["diffProgress"])
            await replay.send(service)
            async for data in messages:
                page.take(data["diffProgress"])

    assert page.last["provisional"] is False and page.last["total"] == 3


@pytest.mark.parametrize("seen", range(6))
async def test_reading_on_gives_the_same_columns_as_reading_all(
    service: Service, database: Database, seen: int
):
    run = forked()
    await run.send_start(service)
    engine = Engine(database.url(), pool_size=2)
    comparisons = Comparisons(engine, MemoryBlobs())
    run_id = UUID(run.run_id)
    blocks = list(run.blocks.values())
    await service.data(INGEST, e=run.events[:seen], b=blocks)
    known = (await comparisons.compare(PROJECT, run_id, run_id)).b
    await service.data(INGEST, e=run.events[seen:], b=blocks)

    async with engine.reading(PROJECT) as connection:
        read_on = await load_columns(connection, PROJECT, run_id, known=known)
        read_all = await load_columns(connection, PROJECT, run_id)
    await engine.close()

    assert read_on == read_all and len(read_all.steps) == 3
