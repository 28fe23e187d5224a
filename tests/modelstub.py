"""A model provider for tests: a real HTTP server on loopback that answers from a list."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import h11
import orjson
from forkpoint_worker.providers import Provider

Answering = Callable[[Any], tuple[int, Any]]
"""From what was asked to (status, JSON)."""


@dataclass
class ModelStub:
    """What was asked, and what is answered next: (status, JSON)."""

    answers: list[tuple[int, Any]] | Answering
    asked: list[tuple[str, dict[str, str], Any]] = field(default_factory=list)
    port: int = 0

    def provider(self, kind: Any = "openai", key: str | None = "test-key") -> Provider:
        """This server as an operator would configure it."""
        return Provider(
            name="stub",
            kind=kind,
            url=f"http://127.0.0.1:{self.port}/v1",
            models=("*",),
            key=key,
            private=True,
        )


@asynccontextmanager
async def model_stub(
    answers: Sequence[tuple[int, Any]] | Answering,
) -> AsyncGenerator[ModelStub]:
    """Answer until the block ends."""
    stub = ModelStub(answers if callable(answers) else list(answers))

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = h11.Connection(our_role=h11.SERVER)
        stub.asked.append(await _request(connection, reader))
        answers = stub.answers
        status, value = answers.pop(0) if isinstance(answers, list) else answers(stub.asked[-1][2])
        said = orjson.dumps(value)
        start = h11.Response(status_code=status, headers=[("content-length", str(len(said)))])
        for part in (start, h11.Data(data=said), h11.EndOfMessage()):
            writer.write(connection.send(part) or b"")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    stub.port = server.sockets[0].getsockname()[1]
    try:
        yield stub
    finally:
        server.close()
        await server.wait_closed()


async def _request(
    connection: h11.Connection, reader: asyncio.StreamReader
) -> tuple[str, dict[str, str], Any]:
    """Path, headers and JSON body of one request."""
    body, request = b"", None
    while not isinstance(event := connection.next_event(), h11.EndOfMessage):
        if event is h11.NEED_DATA:
            connection.receive_data(await reader.read(65_536))
        elif isinstance(event, h11.Request):
            request = event
        elif isinstance(event, h11.Data):
            body += bytes(event.data)
    assert request is not None
    headers = {name.decode(): value.decode() for name, value in request.headers}
    return request.target.decode(), headers, orjson.loads(body)
