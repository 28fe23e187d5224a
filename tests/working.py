"""Replays by a worker on imported runs, for tests: no service in between, real Postgres."""

from __future__ import annotations

import random
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import orjson
from forkpoint.events.model import StepStarted
from forkpoint.events.wire import to_builtins
from forkpoint.replay.answers import read
from forkpoint.replay.recording import Recording
from forkpoint_cli.importers.tape import ImportedRun
from forkpoint_server.artifacts.memory import MemoryBlobs
from forkpoint_server.db.engine import Database, driver
from forkpoint_server.ingestion.batch import ingest
from forkpoint_server.ingestion.runs import finish_run, start_run
from forkpoint_server.live.publish import Silent
from forkpoint_server.replay.plans import Asked, plan_replay
from forkpoint_server.replay.resuming import resumed
from forkpoint_server.replay.rows import SessionRow, session_by_id
from forkpoint_server.replay.sessions import begin_sessions
from forkpoint_server.security.principals import Principal, loopback_principal
from forkpoint_worker.loop import Worker
from forkpoint_worker.replays.payload import Payload, roots_of
from forkpoint_worker.replays.reading import Recorded, read_recorded
from forkpoint_worker.work import Services
from stack import Database as Scratch

PROJECT = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """A worker, and a way to put runs in and to ask for replays of them."""

    database: Database
    worker: Worker
    blobs: MemoryBlobs

    async def store(self, run: ImportedRun) -> str:
        """Put a run in as an importer does; gives its id."""
        principal: Principal = loopback_principal()
        blocks = [body.decode() for body in run.blocks.values()]
        await start_run(self.database, principal, to_builtins(run.start), blocks, live=Silent())
        events = [to_builtins(event) for event in run.events]
        result = await ingest(self.database, principal, events=events, blocks=[], live=Silent())
        assert not result.rejected
        await finish_run(self.database, principal, to_builtins(run.end), live=Silent())
        return run.start.run_id

    async def ask(self, asked: Asked, *, samples: int = 1) -> list[str]:
        """Start a replay; ids of its sessions."""
        async with self.database.transaction(PROJECT) as connection:
            raw = await driver(connection)
            asked = await resumed(raw, PROJECT, asked)
            planned = await plan_replay(raw, PROJECT, asked)
            sessions, _ = await begin_sessions(
                raw,
                PROJECT,
                asked,
                planned,
                samples=samples,
                client_id=None,
                now_ns=time.time_ns(),
            )
        return [session.session_id for session in sessions]

    async def session(self, session_id: str) -> SessionRow:
        """A session as it is now."""
        async with self.database.reading(PROJECT) as connection:
            found = await session_by_id(await driver(connection), PROJECT, session_id)
        assert found is not None
        return found

    async def read(self, run_id: str) -> Recorded:
        """A stored run with all its payload."""
        recorded = await read_recorded(self.database, PROJECT, run_id)
        payload = Payload(self.database, PROJECT, self.blobs)
        await payload.keep(roots_of(recorded), recorded.blocks)
        return recorded


@asynccontextmanager
async def bench(database: Scratch, **services: Any) -> AsyncIterator[Bench]:
    """A worker on a database, run when told to."""
    opened = Database(database.url("worker"), pool_size=8)
    blobs = MemoryBlobs()
    made = Services(
        **{
            "database": opened,
            "blobs": blobs,
            "publisher": lambda _: Silent(),
            "clock": time.time_ns,
            **services,
        }
    )
    worker = Worker(made, owner="test", luck=random.Random(1))
    yield Bench(database=opened, worker=worker, blobs=blobs)
    await opened.close()


def tool_keys(recording: Recording) -> list[str]:
    """Call keys of the tool steps, in order."""
    return [step.key for step in recording.started if step.kind == "tool"]


def input_text(recorded: Recorded, step: StepStarted) -> str:
    """The input of a step as one text, for looking for words in it."""
    from_parts: list[Any] = []
    place = recorded.recording.by_key[step.key]
    for root in recorded.recording.parts(place).values():
        from_parts.append(_value(root, recorded))
    return orjson.dumps(from_parts).decode()


def outputs(recorded: Recorded, keys: Sequence[str]) -> list[Any]:
    """Outputs of some steps."""
    found = (recorded.recording.output(recorded.recording.by_key[key]) for key in keys)
    return [None if root is None else _value(root, recorded) for root in found]


def _value(root: str | None, recorded: Recorded) -> Any:
    return None if root is None else read(root, recorded.recording.get)
