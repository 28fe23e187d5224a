"""The API in a process of its own, as it is served, for benchmarks that go through the door."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path

from forkpoint_server.embedded import Embedded


@dataclass(frozen=True, slots=True)
class Api:
    """A running API."""

    port: int
    pid: int

    def cpu_s(self) -> float:
        """User and system seconds so far."""
        return cpu_s(self.pid)

    def peak_mib(self) -> float:
        """Most memory it ever had at a time."""
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
        raise RuntimeError("the process is gone")


def cpu_s(pid: int) -> float:
    """User and system seconds of a process so far (proc(5), fields 14 and 15)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def serving(databases: Embedded, directory: Path) -> Iterator[Api]:
    """The API on these databases, ready, until the block ends."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {
        **{k: v for k, v in os.environ.items() if not k.startswith("FORKPOINT_")},
        "FORKPOINT_DATABASE_URL": databases.database_url(role="api"),
        "FORKPOINT_REDIS_URL": databases.redis_url,
        "FORKPOINT_DATA": str(directory),
        "FORKPOINT_PORT": str(port),
    }
    process = subprocess.Popen([sys.executable, "-m", "forkpoint_server"], env=environment)
    try:
        _wait_until_ready(port)
        yield Api(port, process.pid)
    finally:
        process.terminate()
        process.wait()


async def post_all(
    port: int, path: str, shares: Sequence[Sequence[bytes]], *, media_type: str
) -> tuple[list[float], list[bytes]]:
    """Each share on a connection of its own, all at once; seconds of each answer, and answers."""
    results = await asyncio.gather(
        *(_post(port, path, bodies, media_type=media_type) for bodies in shares)
    )
    answers = [each for result in results for each in result]
    return sorted(seconds for seconds, _ in answers), [body for _, body in answers]


async def _post(
    port: int, path: str, bodies: Sequence[bytes], *, media_type: str
) -> list[tuple[float, bytes]]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    answers: list[tuple[float, bytes]] = []
    for body in bodies:
        begin = time.perf_counter()
        head = f"POST {path} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: {media_type}\r\n"
        writer.write(f"{head}content-length: {len(body)}\r\n\r\n".encode())
        writer.write(body)
        await writer.drain()
        answer = await reader.readuntil(b"\r\n\r\n")
        length = int(answer.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        said = await reader.readexactly(length)
        assert answer.startswith(b"HTTP/1.1 200"), said
        answers.append((time.perf_counter() - begin, said))
    writer.close()
    await writer.wait_closed()
    return answers


def _wait_until_ready(port: int) -> None:
    end = time.monotonic() + 30
    while time.monotonic() < end:
        try:
            connection = HTTPConnection("127.0.0.1", port, timeout=5)
            connection.request("GET", "/readyz")
            if connection.getresponse().status == 200:
                return
        except OSError:
            time.sleep(0.05)
    raise RuntimeError("the API did not become ready")
