"""Fixtures of OTLP: a worker that can open what the door sealed, and a way to read the rows."""

from __future__ import annotations

import os
import random
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

import orjson
import pytest
import pytest_asyncio
from forkpoint.redact.engine import Redactor
from forkpoint.redact.ruleset import Ruleset
from forkpoint.redact.tokens import TokenKey
from forkpoint_server.artifacts.memory import MemoryBlobs
from forkpoint_server.db.engine import Database
from forkpoint_server.live.publish import Remembered
from forkpoint_server.security.sealing import Opener
from forkpoint_worker.__main__ import offer_key
from forkpoint_worker.loop import Worker
from forkpoint_worker.providers import Provider
from forkpoint_worker.work import Services
from serving import Service, serving, settings_for
from stack import Database as Scratch
from traces import PROTOBUF, Trace

_LATER_NS = 3600 * 10**9
_VALUES = """query($id: ID!) { run(id: $id) { steps(first: 50) { nodes {
    key artifacts { role state value } } } } }"""
_PRIVATE = os.urandom(32)


def the_opener() -> Opener:
    """The key of the workers of this test process."""
    return Opener(_PRIVATE)


async def publish(database: Scratch, opener: Opener) -> None:
    """Offer the key, as a worker does when it starts."""
    opened = Database(database.url("worker"), pool_size=1)
    await offer_key(opened, opener)
    await opened.close()


@dataclass(slots=True)
class Intake:
    """A service that takes traces, and a worker that is run by hand."""

    service: Service
    scratch: Scratch
    worker: Worker
    services: Services
    later_ns: int = 0

    @asynccontextmanager
    async def asking(self, *providers: Provider) -> AsyncGenerator[Worker]:
        """A worker that may ask models."""
        services = replace(self.services, providers=providers)
        yield Worker(services, owner="asks", luck=random.Random(1))

    async def send(self, trace: Trace, *spans: Any) -> None:
        """Send spans of a trace, or all."""
        answer = await self.service.client.post(
            "/v1/traces", content=trace.body(*spans), headers=PROTOBUF
        )
        assert answer.status_code == 200, answer.content
        assert answer.content == b"", answer.content

    async def work(self) -> None:
        """Do what is due."""
        self.scratch.sql("update job set run_at = now() where kind = 'derive_run'")
        await self.worker.work_off()

    async def finish(self) -> None:
        """Let all runs be quiet for an hour, and do what is due then."""
        self.later_ns = _LATER_NS
        for _ in range(2):  # the end, and clearing up after it
            await self.work()
        self.later_ns = 0

    def run(self, trace: Trace) -> Any:
        """The row of the run of a trace."""
        where = f"otel->>'traceId' = '{trace.trace_id.hex()}' and intake = 'otlp'"
        return self.rows(f"select * from run where {where}")[0]

    def steps(self, trace: Trace) -> list[Any]:
        """The rows of its steps, in order."""
        return self.rows(
            f"select * from step where run_id = '{self.run(trace)['run_id']}' order by seq"
        )

    async def values(self, trace: Trace) -> dict[str, dict[str, Any]]:
        """The readable payload of each step, by key and role, as the cockpit gets it."""
        return await self.values_of(self.run(trace)["run_id"])

    async def values_of(self, run_id: str) -> dict[str, dict[str, Any]]:
        """As `values`, of a run."""
        answer = await self.service.data(_VALUES, id=run_id)
        return {
            step["key"]: {each["role"]: each["value"] for each in step["artifacts"]}
            for step in answer["run"]["steps"]["nodes"]
        }

    def rows(self, statement: str) -> list[Any]:
        """Rows of a query, each as the JSON of its row."""
        text = self.scratch.sql(f"select row_to_json(t) from ({statement}) t")
        return [orjson.loads(line) for line in text.splitlines()]


@asynccontextmanager
async def intake_on(service: Service, scratch: Scratch, opener: Opener) -> AsyncGenerator[Intake]:
    """The intake of a running service, with its worker."""
    opened = Database(scratch.url("worker"), pool_size=4)
    made: list[Intake] = []

    def clock() -> int:
        return time.time_ns() + made[0].later_ns

    services = Services(
        database=opened,
        blobs=MemoryBlobs(),
        publisher=lambda _: Remembered(),
        clock=clock,
        opener=opener,
        redactor=Redactor(Ruleset(), TokenKey(b"k" * 32)),
    )
    worker = Worker(services, owner="test", luck=random.Random(1))
    made.append(Intake(service, scratch, worker, services))
    yield made[0]
    await opened.close()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def intake(
    database: Scratch, tmp_path_factory: pytest.TempPathFactory
) -> AsyncGenerator[Intake]:
    """One service and one worker for the tests of a module: traces do not meet."""
    opener = the_opener()
    await publish(database, opener)
    settings = settings_for(database, tmp_path_factory.mktemp("otlp"))
    async with serving(settings) as service, intake_on(service, database, opener) as made:
        yield made
