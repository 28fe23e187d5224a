"""Answers of other runs for a replayed process: asked over a Unix socket, looked up in the service.

The process may be behind a wall and needs no network for it; its end is
`forkpoint.capture.elsewhere`.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import tempfile
import threading
from collections import deque
from collections.abc import Generator, Mapping, Sequence
from contextlib import AsyncExitStack, contextmanager, suppress
from pathlib import Path
from typing import cast

from forkpoint_cli.client import Connection, Service
from forkpoint_cli.errors import CliError

AT_ONCE = 16
"""Answers to equal calls that are fetched together: samples of one question come one by one."""
_ASK = """
query ($run: ID!, $asked: EarlierCallInput!, $without: [ID!]!, $first: Int!) {
  run(id: $run) { earlierAnswers(call: $asked, without: $without, first: $first) {
    runId stepId key seq event blocks
  } }
}
"""
Fields = Mapping[str, object]


class Earlier:
    """The answers found so far for one replay; each is given once, unless it may be given again."""

    def __init__(self, service: Service, run: str) -> None:
        self._service, self._run = service, run
        self._open = AsyncExitStack()
        self._connection: Connection | None = None
        self._waiting: dict[str, deque[Fields]] = {}
        self._over: set[str] = set()
        """Questions the service has no more answers to."""
        self._given: list[str] = []

    async def answer(self, asked: Mapping[str, object]) -> Fields | None:
        """The newest that was not given yet; None if there is none."""
        place, once = json.dumps(asked, sort_keys=True), asked["reuse"] == "once"
        waiting = self._waiting.setdefault(place, deque())
        while True:
            while once and waiting and waiting[0]["stepId"] in self._given:
                waiting.popleft()
            if waiting:
                break
            if place in self._over:
                return None
            found = await self._look(asked, without=self._given if once else ())
            waiting.extend(found)
            if len(found) < AT_ONCE:
                self._over.add(place)
        if once:
            self._given.append(str(waiting[0]["stepId"]))
        return waiting[0]

    async def close(self) -> None:
        """Let go of the connection."""
        await self._open.aclose()

    async def _look(
        self, question: Mapping[str, object], *, without: Sequence[str]
    ) -> Sequence[Fields]:
        if self._connection is None:
            self._connection = await self._open.enter_async_context(self._service.connected())
        call = {
            "kind": str(question["kind"]).upper(),
            "name": question["name"],
            "signature": question["signature"],
            "scope": str(question["scope"]).upper(),
            "ttlS": question["ttl_s"],
            "allowErrors": question["allow_errors"],
        }
        told = await self._connection.ask(
            _ASK, run=self._run, asked=call, without=list(without), first=AT_ONCE
        )
        run = cast("Mapping[str, Sequence[Fields]] | None", told["run"])
        return [] if run is None else run["earlierAnswers"]


@contextmanager
def answering(service: Service, run: str) -> Generator[Path]:
    """Answer on a socket in this block; its path.

    It is in a folder of its own: the paths of sockets may have 100 bytes only.
    """
    folder = Path(tempfile.mkdtemp(prefix="fp-"))
    listening = _Listening(service, run, folder / "s")
    thread = threading.Thread(target=listening.run, daemon=True)
    thread.start()
    try:
        listening.ready.wait()
        yield listening.path
    finally:
        listening.end()
        thread.join()
        shutil.rmtree(folder, ignore_errors=True)


class _Listening:
    """A thread with a loop of its own; questions are answered one after the other."""

    def __init__(self, service: Service, run: str, path: Path) -> None:
        self.path = path
        self.ready = threading.Event()
        self._earlier = Earlier(service, run)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._over = asyncio.Event()
        self._turn = asyncio.Lock()

    def run(self) -> None:
        """Listen until `end`."""
        with suppress(asyncio.CancelledError):
            asyncio.run(self._listen())

    def end(self) -> None:
        """No more questions come."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._over.set)

    async def _listen(self) -> None:
        self._loop = asyncio.get_running_loop()
        try:
            server = await asyncio.start_unix_server(self._talk, self.path, limit=1 << 20)
        finally:
            self.ready.set()
        try:
            await self._over.wait()
        finally:
            server.close()
            await self._earlier.close()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, ValueError, asyncio.CancelledError):
            while line := await reader.readline():
                writer.write(json.dumps(await self._told(line)).encode() + b"\n")
                await writer.drain()
        writer.close()

    async def _told(self, line: bytes) -> Fields:
        try:
            async with self._turn:
                found = await self._earlier.answer(cast("Fields", json.loads(line)))
        except CliError as error:
            return {"error": error.message}
        except (KeyError, TypeError, json.JSONDecodeError) as error:
            return {"error": f"a question that is none: {type(error).__name__}"}
        return {"found": None if found is None else _said(found)}


def _said(found: Fields) -> Fields:
    return {
        "run": found["runId"],
        "key": found["key"],
        "seq": int(str(found["seq"])),
        "event": found["event"],
        "blocks": found["blocks"],
    }
