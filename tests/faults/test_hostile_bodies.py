"""Bodies made to hurt: refused or served with bounded memory, and others never notice."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

import httpx2
import orjson
import pytest
import pytest_asyncio
import zstandard
from faults.load import SETBACKS, START
from faults.processes import api
from otlp_fixtures import publish, the_opener
from recorded_runs import RecordedRun
from stack import Database
from tenants import give_token

pytestmark = [pytest.mark.timeout(120), pytest.mark.asyncio(loop_scope="module")]
MIB = 1024 * 1024
NDJSON = "application/x-ndjson"
JSON = "application/json"
PROTOBUF = "application/x-protobuf"
SENDERS = 200
GROWTH = 320 * MIB
"""What the process may grow by: bodies in flight (256 MiB), and what it works with besides."""


@dataclass(frozen=True)
class Victim:
    """A running API, an honest client with a token, and a run of his."""

    pid: int
    url: str
    client: httpx2.AsyncClient
    run: RecordedRun
    base: int
    """Bytes of memory before anything was done to it."""

    async def post(self, path: str, body: bytes, media_type: str, **headers: str) -> int:
        """Status of an answer to somebody without a token."""
        async with httpx2.AsyncClient(base_url=self.url, timeout=60) as client:
            answer = await client.post(
                path, content=body, headers={"content-type": media_type, **headers}
            )
        return answer.status_code

    async def record(self, first: int) -> int:
        """The honest client goes on with his run."""
        body = b"\n".join(map(orjson.dumps, self.run.steps(1, first=first)))
        return (
            await self.client.post("/v1/events", content=body, headers={"content-type": NDJSON})
        ).status_code

    @property
    def grown(self) -> int:
        """Bytes that it ever had more than at first."""
        return memory(self.pid, "VmHWM") - self.base


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def victim(
    database: Database, tmp_path_factory: pytest.TempPathFactory
) -> AsyncGenerator[Victim]:
    await publish(database, the_opener())
    token = give_token(database)
    bearer = {"authorization": f"Bearer {token.text}"}
    async with (
        api(database, tmp_path_factory.mktemp("hostile")) as served,
        httpx2.AsyncClient(base_url=served.url, timeout=60, headers=bearer) as client,
    ):
        while not await _answers(client):
            await asyncio.sleep(0.02)
        run = RecordedRun()
        body = orjson.dumps({"query": START, "variables": {"record": run.start()}})
        await client.post("/graphql", content=body, headers={"content-type": JSON})
        assert served.process is not None
        pid = served.process.pid
        yield Victim(pid, served.url, client, run, memory(pid, "VmRSS"))


@pytest.mark.parametrize(
    ("path", "media_type"),
    [("/v1/events", NDJSON), ("/v1/traces", PROTOBUF), ("/graphql", JSON)],
)
async def test_a_bomb_of_one_gib_is_refused_with_little_memory(
    victim: Victim, path: str, media_type: str
):
    packer = zstandard.ZstdCompressor(level=1).compressobj()
    bomb = b"".join(packer.compress(bytes(MIB)) for _ in range(1024)) + packer.flush()

    status = await victim.post(path, bomb, media_type, **{"content-encoding": "zstd"})

    assert (status, victim.grown < GROWTH) == (413, True)


@pytest.mark.parametrize(
    ("path", "media_type"), [("/v1/events", NDJSON), ("/v1/traces", JSON), ("/graphql", JSON)]
)
@pytest.mark.parametrize("text", ["[" * 1_000_000, '{"a":' * 200_000], ids=["lists", "objects"])
async def test_json_nested_a_million_deep_is_one_mistake(
    victim: Victim, path: str, media_type: str, text: str
):
    closed = text[:400_000] + "1" + {"[": "]", "{": "}"}[text[0]] * text[:400_000].count(text[0])

    for body in (text, closed):
        assert await victim.post(path, body.encode(), media_type) == 400
    assert victim.grown < GROWTH


async def test_slow_senders_fill_no_memory_and_others_are_served_meanwhile(victim: Victim):
    slow = await asyncio.gather(*(SlowSender.connect(victim.url) for _ in range(SENDERS)))
    await asyncio.gather(*(sender.begin() for sender in slow))

    served = []
    for number in range(10):
        await asyncio.gather(*(sender.write(b"x") for sender in slow))
        served.append(await victim.record(number))
    refused = [sender.said.result() for sender in slow if sender.said.done()]
    await asyncio.gather(*(sender.leave() for sender in slow))

    assert served == [200] * 10
    assert victim.grown < GROWTH
    assert {line.split()[1] for line in refused} == {b"503"}
    assert len(refused) > SENDERS // 4


@dataclass(frozen=True)
class SlowSender:
    """A connection that promises 3 MiB, sends 2 and then byte after byte."""

    writer: asyncio.StreamWriter
    said: asyncio.Task[bytes]
    """The first line of the answer."""

    @classmethod
    async def connect(cls, url: str) -> Self:
        address = urlsplit(url)
        reader, writer = await asyncio.open_connection(address.hostname, address.port)
        sender = cls(writer, asyncio.create_task(reader.readline()))
        await sender.write(
            f"POST /v1/traces HTTP/1.1\r\nhost: {address.netloc}\r\n"
            f"content-type: {PROTOBUF}\r\ncontent-length: {3 * MIB}\r\n\r\n".encode()
        )
        return sender

    async def begin(self) -> None:
        for _ in range(16):
            await self.write(bytes(MIB // 8))

    async def write(self, part: bytes) -> None:
        """Send it, unless the answer is there already."""
        if not self.said.done() and not self.writer.transport.is_closing():
            with contextlib.suppress(OSError):
                self.writer.write(part)
                await self.writer.drain()

    async def leave(self) -> None:
        self.writer.transport.abort()
        with contextlib.suppress(OSError):
            await self.said


async def _answers(client: httpx2.AsyncClient) -> bool:
    try:
        return (await client.get("/readyz")).status_code == 200
    except SETBACKS:
        return False


def memory(pid: int, name: str) -> int:
    """Bytes of a process, now (`VmRSS`) or at most (`VmHWM`); proc(5), status."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * 1024
    raise AssertionError("the process is gone")
