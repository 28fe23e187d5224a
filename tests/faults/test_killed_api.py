"""Kill -9 of the API under load: what it acknowledged is there, once, and in order.

`FORKPOINT_FAULT_ROUNDS` says how often (default once), `FORKPOINT_FAULT_SEED` repeats one.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import socket
import sys
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from pathlib import Path

import httpx2
import orjson
from faults.oracle import Ledger, breaches
from forkpoint_server.db.engine import Database
from forkpoint_server.ingestion.runs import start_run
from forkpoint_server.security.principals import Principal
from recorded_runs import RecordedRun
from stack import Database as Scratch

ROUNDS = int(os.environ.get("FORKPOINT_FAULT_ROUNDS", "1"))
SEED = int(os.environ.get("FORKPOINT_FAULT_SEED", "1"))
SENDERS = 4
STEPS = 10
"""Of one batch."""
SETBACKS = (httpx2.HTTPError, OSError)


@dataclass(slots=True)
class Api:
    """One address, served by one process after the other."""

    url: str
    environment: dict[str, str]
    process: asyncio.subprocess.Process | None = None
    acknowledged: asyncio.Condition = field(default_factory=asyncio.Condition)
    answers: int = 0

    async def start(self) -> None:
        self.process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "forkpoint_server", env=self.environment
        )

    async def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        await self.process.wait()

    async def count(self) -> None:
        async with self.acknowledged:
            self.answers += 1
            self.acknowledged.notify_all()

    async def more_answers(self, count: int) -> None:
        async with self.acknowledged:
            wanted = self.answers + count
            await self.acknowledged.wait_for(lambda: self.answers >= wanted)


async def test_an_api_killed_under_load_keeps_every_promise(
    database: Scratch, open_database: Database, principal: Principal, tmp_path: Path
):
    runs = [RecordedRun() for _ in range(SENDERS)]
    for run in runs:
        await start_run(open_database, principal, run.start())
    ledgers = [Ledger(run.run_id) for run in runs]
    chance = random.Random(SEED)
    print(f"FORKPOINT_FAULT_SEED={SEED}")

    async with _api(database, tmp_path) as api:
        over = asyncio.Event()
        senders = [
            asyncio.create_task(_send(api, run, ledger, over))
            for run, ledger in zip(runs, ledgers, strict=True)
        ]
        for _ in range(ROUNDS):
            await api.more_answers(chance.randint(5, 40))
            await api.kill()
            await api.start()
        await api.more_answers(SENDERS)
        over.set()
        await asyncio.gather(*senders)

    assert [each for ledger in ledgers for each in breaches(database, ledger)] == []
    assert all(ledger.acknowledged == ledger.sent for ledger in ledgers)


async def _send(api: Api, run: RecordedRun, ledger: Ledger, over: asyncio.Event) -> None:
    """Send batch after batch, each until it is acknowledged."""
    first = 0
    async with httpx2.AsyncClient(base_url=api.url, timeout=20) as client:
        while not over.is_set():
            events = run.steps(STEPS, first=first)
            numbers = {int(str(event["sequence_no"])) for event in events}
            ledger.sent |= numbers
            body = b"\n".join(map(orjson.dumps, events))
            while not await _is_taken(client, body, len(events)):
                await asyncio.sleep(0.05)
            ledger.acknowledged |= numbers
            first += STEPS
            await api.count()


async def _is_taken(client: httpx2.AsyncClient, body: bytes, count: int) -> bool:
    headers = {"content-type": "application/x-ndjson"}
    try:
        response = await client.post("/v1/events", content=body, headers=headers)
    except SETBACKS:
        return False
    if response.status_code == 503:
        return False
    answer = orjson.loads(response.content)
    assert answer["accepted"] + answer["duplicates"] == count, answer
    return True


@contextlib.asynccontextmanager
async def _api(database: Scratch, directory: Path) -> AsyncGenerator[Api]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {
        **{k: v for k, v in os.environ.items() if not k.startswith("FORKPOINT_")},
        "FORKPOINT_DATABASE_URL": database.url("api"),
        "FORKPOINT_DATA": str(directory),
        "FORKPOINT_PORT": str(port),
    }
    api = Api(f"http://127.0.0.1:{port}", environment)
    await api.start()
    try:
        yield api
    finally:
        await api.kill()
