"""Processes that die and come back: each is killed by its own pid."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from forkpoint_server.embedded.databases import Embedded
from stack import Database


@dataclass(slots=True)
class Api:
    """One address, served by one process after the other."""

    url: str
    environment: dict[str, str]
    process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        self.process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "forkpoint_server", env=self.environment
        )

    async def kill(self) -> None:
        assert self.process is not None
        assert self.process.returncode is None, "it ended by itself"
        self.process.kill()
        await self.process.wait()


@asynccontextmanager
async def api(database: Database, directory: Path) -> AsyncGenerator[Api]:
    """An API of its own on a database, killed at the end."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {
        **{k: v for k, v in os.environ.items() if not k.startswith("FORKPOINT_")},
        "FORKPOINT_DATABASE_URL": database.url("api"),
        "FORKPOINT_DATA": str(directory),
        "FORKPOINT_PORT": str(port),
    }
    served = Api(f"http://127.0.0.1:{port}", environment)
    await served.start()
    try:
        yield served
    finally:
        await served.kill()


def children_of(pid: int) -> list[int]:
    """The processes that a process has started (Linux)."""
    return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


async def back_up(databases: Embedded) -> None:
    """Start a Postgres again that was killed; what is left of the old one may hold its memory."""
    while True:
        databases.spawn("postgres")
        child = databases.child("postgres")
        while child.is_running():
            if databases.postgres.is_ready(child):
                return
            await asyncio.sleep(0.01)
