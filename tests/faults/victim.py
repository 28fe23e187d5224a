"""Programs that kill themselves with SIGKILL at one exact point, as a power cut would.

`python victim.py WHAT`, arguments as JSON on standard input: `before_commit`, `after_commit` (a
service while it stores a batch), `after_put` (a worker between the blob and its row), `after_block`
(a recording host between a block and its event).
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

from forkpoint.capture.counters import Counters
from forkpoint.capture.disk import DiskSpool
from forkpoint.events.wire import read_run_start
from forkpoint_server.artifacts.directory import DirectoryBlobs
from forkpoint_server.artifacts.packs import Packer
from forkpoint_server.db.engine import Database
from forkpoint_server.ingestion.batch import ingest
from forkpoint_server.live.publish import Silent
from forkpoint_server.security.principals import loopback_principal
from sqlalchemy.ext.asyncio import AsyncConnection


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


class DiesBeforeCommit(Database):
    @asynccontextmanager
    async def transaction(self, project_id: int) -> AsyncGenerator[AsyncConnection]:
        async with super().transaction(project_id) as connection:
            yield connection
            die()


class DiesAfterCommit(Silent):
    async def published(self, run_id: str, first: int, last: int) -> None:
        die()


class DiesAfterPut(DirectoryBlobs):
    async def put_if_absent(self, digest: bytes, body: bytes) -> bool:
        await super().put_if_absent(digest, body)
        die()
        return True


async def _store(database: Database, *, live: Silent, events: list, blocks: list) -> None:
    await ingest(database, loopback_principal(), events=events, blocks=blocks, live=live)


async def _pack(url: str, *, directory: str, run_id: str) -> None:
    packer = Packer(
        database=Database(url),
        project_id=1,
        blobs=DiesAfterPut(Path(directory)),
        clock=time.time_ns,
    )
    await packer.pack_run(run_id)


def _record(*, directory: str, start: object, blocks: list[str]) -> None:
    spool = DiskSpool(Path(directory), counters=Counters(), clock=time.monotonic_ns, bound=2**20)
    spool.start(read_run_start(start), [])
    spool.block(blocks[0].encode())
    spool.flush()
    die()


def main(what: str, arguments: dict) -> None:
    if what == "before_commit":
        database = DiesBeforeCommit(arguments.pop("url"))
        asyncio.run(_store(database, live=Silent(), **arguments))
    elif what == "after_commit":
        database = Database(arguments.pop("url"))
        asyncio.run(_store(database, live=DiesAfterCommit(), **arguments))
    elif what == "after_put":
        asyncio.run(_pack(arguments.pop("url"), **arguments))
    elif what == "after_block":
        _record(**arguments)


if __name__ == "__main__":
    main(sys.argv[1], json.load(sys.stdin))
