"""A TCP proxy that does to connections what networks do, by a script.

An exchange begins when a client speaks after its peer did, or first; the script says what becomes
of each, by its number from 0. Beside that the whole line can be parted and healed.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from enum import Enum, auto
from urllib.parse import urlsplit

CHUNK = 65_536
_RESET = struct.pack("ii", 1, 0)
"""SO_LINGER of nothing: closing sends a reset."""


class Fate(Enum):
    """What becomes of one exchange."""

    PASS = auto()
    CUT_REQUEST = auto()
    """It does not arrive; the client is reset."""
    CUT_ANSWER = auto()
    """It arrives and is answered; the answer does not, and both ends are reset."""
    TRUNCATE = auto()
    """Half of the first piece of the answer arrives, then a reset."""
    CORRUPT = auto()
    """The last byte of the first piece of the answer is another one."""
    NO_ANSWER = auto()
    """It arrives; the answer never does, and nobody is told."""


class Line(Enum):
    """What the whole line does."""

    OPEN = auto()
    SILENT = auto()
    """Nothing gets through and nothing is closed, as behind a firewall that drops."""
    REFUSING = auto()
    """Connections are reset, new ones as well."""


Script = Callable[[int], Fate]


@dataclass(frozen=True, slots=True)
class Target:
    """Where connections go: a path of a unix socket, or host and port."""

    path: str | None = None
    host: str = "127.0.0.1"
    port: int = 0

    @classmethod
    def of(cls, url: str) -> Target:
        """From `unix:///path` or `http://host:port`."""
        parts = urlsplit(url)
        if parts.scheme == "unix":
            return cls(path=parts.path)
        return cls(host=parts.hostname or "127.0.0.1", port=parts.port or 80)


@dataclass(slots=True, eq=False)
class _Connection:
    near: asyncio.StreamWriter
    far: asyncio.StreamWriter
    left: int | None
    """Bytes that may still come from the far end; None: any."""
    fate: Fate = Fate.PASS
    client_spoke: bool = False

    def reset(self) -> None:
        for writer in (self.near, self.far):
            sock = writer.get_extra_info("socket")
            if sock is not None and sock.family != socket.AF_UNIX:
                with suppress(OSError):
                    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            writer.transport.abort()


@dataclass(slots=True)
class Proxy:
    """Listens on a port of its own; `limits` are bytes of answers that connections get, in turn."""

    target: Target
    script: Script = lambda _: Fate.PASS
    limits: Sequence[int] = ()
    exchanges: int = 0
    accepted: int = 0
    url: str = ""
    _line: Line = Line.OPEN
    _opened: asyncio.Event = field(default_factory=asyncio.Event)
    _connections: set[_Connection] = field(default_factory=set[_Connection])

    def part(self, line: Line = Line.SILENT) -> None:
        """Let nothing through from now on."""
        self._line = line
        self._opened.clear()
        if line is Line.REFUSING:
            for connection in list(self._connections):
                connection.reset()

    def heal(self) -> None:
        """Let everything through again; what waited goes first."""
        self._line = Line.OPEN
        self._opened.set()

    async def serve(self, near_in: asyncio.StreamReader, near: asyncio.StreamWriter) -> None:
        """One connection, to its end."""
        await self._passable(near)
        left = self.limits[self.accepted] if self.accepted < len(self.limits) else None
        self.accepted += 1
        try:
            far_in, far = await self._connect()
        except OSError:
            near.transport.abort()
            return
        connection = _Connection(near, far, left)
        self._connections.add(connection)
        pumps = [
            asyncio.create_task(self._up(connection, near_in)),
            asyncio.create_task(self._down(connection, far_in)),
        ]
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._connections.discard(connection)
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)
            for writer in (near, far):
                writer.close()

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self.target.path is not None:
            return await asyncio.open_unix_connection(self.target.path)
        return await asyncio.open_connection(self.target.host, self.target.port)

    async def _passable(self, near: asyncio.StreamWriter) -> None:
        if self._line is Line.REFUSING:
            near.transport.abort()
        while self._line is not Line.OPEN:
            await self._opened.wait()

    async def _up(self, connection: _Connection, near_in: asyncio.StreamReader) -> None:
        with suppress(OSError):
            while piece := await near_in.read(CHUNK):
                await self._passable(connection.near)
                if not connection.client_spoke:
                    connection.client_spoke = True
                    connection.fate = self.script(self.exchanges)
                    self.exchanges += 1
                if connection.fate is Fate.CUT_REQUEST:
                    connection.reset()
                    return
                connection.far.write(piece)
                await connection.far.drain()

    async def _down(self, connection: _Connection, far_in: asyncio.StreamReader) -> None:
        with suppress(OSError):
            while piece := await far_in.read(CHUNK):
                await self._passable(connection.near)
                connection.client_spoke = False
                if not await self._pass_on(connection, piece):
                    return

    async def _pass_on(self, connection: _Connection, piece: bytes) -> bool:
        """Give the client what its exchange lets it have; False when the connection is over."""
        fate, ends = connection.fate, False
        if fate is Fate.NO_ANSWER:
            return True
        if fate is Fate.CUT_ANSWER:
            piece, ends = b"", True
        elif fate is Fate.TRUNCATE:
            piece, ends = piece[: len(piece) // 2], True
        elif fate is Fate.CORRUPT:
            piece, connection.fate = piece[:-1] + bytes([piece[-1] ^ 1]), Fate.PASS
        if connection.left is not None:
            piece = piece[: connection.left]
            connection.left -= len(piece)
            ends = ends or connection.left == 0
        connection.near.write(piece)
        await connection.near.drain()
        if ends:
            connection.reset()
        return not ends


@asynccontextmanager
async def proxied(
    url: str, script: Script = lambda _: Fate.PASS, *, limits: Sequence[int] = ()
) -> AsyncGenerator[Proxy]:
    """A proxy before an address as long as the block runs; `url` is the one to use instead."""
    proxy = Proxy(Target.of(url), script, limits)
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            await proxy.serve(reader, writer)
        except asyncio.CancelledError:
            writer.transport.abort()
        finally:
            tasks.discard(task)

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    proxy.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield proxy
    finally:
        server.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
