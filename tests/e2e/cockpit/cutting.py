"""A door between browser and server whose WebSockets can be cut in the middle."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

_CHUNK = 65_536


@dataclass(slots=True)
class Door:
    """Passes bytes on, in a thread and a loop of its own; `cut` may be called from anywhere."""

    host: str
    port: int
    loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.new_event_loop)
    own_port: int = 0
    sockets: set[asyncio.StreamWriter] = field(default_factory=set[asyncio.StreamWriter])
    """Both ends of the WebSockets that are open."""
    opened: int = 0
    """WebSockets so far."""
    ends: set[asyncio.StreamWriter] = field(default_factory=set[asyncio.StreamWriter])
    """Both ends of all open connections."""
    passing: set[asyncio.Task[None]] = field(default_factory=set[asyncio.Task[None]])

    @property
    def url(self) -> str:
        """Where the browser goes."""
        return f"http://127.0.0.1:{self.own_port}"

    def cut(self) -> int:
        """Reset every open WebSocket, as a lost network does; how many there were."""
        return asyncio.run_coroutine_threadsafe(self._cut(), self.loop).result(10)

    async def _cut(self) -> int:
        writers = list(self.sockets)
        for writer in writers:
            writer.transport.abort()
        return len(writers) // 2

    async def serve(self, listening: threading.Event, over: asyncio.Event) -> None:
        """Listen until it is over, then see every connection off."""
        server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.own_port = server.sockets[0].getsockname()[1]
        listening.set()
        await over.wait()
        server.close()
        for writer in list(self.ends):
            writer.transport.abort()
        await asyncio.gather(*self.passing, return_exceptions=True)
        await server.wait_closed()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = self.loop.create_task(self._pass_on(reader, writer))
        self.passing.add(task)
        task.add_done_callback(self.passing.discard)

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        to_reader, to_writer = await asyncio.open_connection(self.host, self.port)
        ends = {writer, to_writer}
        self.ends |= ends
        with contextlib.suppress(OSError):
            await self._pass_first(reader, ends, to_writer)
            await asyncio.gather(_copy(reader, to_writer), _copy(to_reader, writer))
        self.sockets -= ends
        self.ends -= ends
        for end in ends:
            end.close()
            with contextlib.suppress(OSError):
                await end.wait_closed()

    async def _pass_first(
        self,
        reader: asyncio.StreamReader,
        ends: set[asyncio.StreamWriter],
        to: asyncio.StreamWriter,
    ) -> None:
        first = await reader.read(_CHUNK)
        if b"upgrade: websocket" in first.lower():
            self.opened += 1
            self.sockets |= ends
        to.write(first)


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(_CHUNK):
        writer.write(data)
        await writer.drain()
    writer.close()


@contextmanager
def door_to(url: str) -> Generator[Door]:
    """Open a door to a server on loopback; it is closed, and its thread gone, after the block."""
    parts = urlsplit(url)
    door = Door(host=parts.hostname or "127.0.0.1", port=parts.port or 80)
    listening = threading.Event()
    over = asyncio.Event()
    thread = threading.Thread(
        target=lambda: door.loop.run_until_complete(door.serve(listening, over)), daemon=True
    )
    thread.start()
    assert listening.wait(10)
    try:
        yield door
    finally:
        door.loop.call_soon_threadsafe(over.set)
        thread.join(10)
        door.loop.close()
