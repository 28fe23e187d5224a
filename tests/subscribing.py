"""A client of the subscriptions for tests: graphql-transport-ws as it goes over the wire."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import orjson
from serving import Service
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

RUN_EVENTS = """subscription($run: ID!, $after: BigInt!) { runEvents(runId: $run, after: $after) {
    fromSeq toSeq head status events } }"""


@dataclass(frozen=True, slots=True)
class Socket:
    """An open socket."""

    connection: ClientConnection

    async def send(self, message: dict[str, Any]) -> None:
        """One message."""
        await self.connection.send(orjson.dumps(message).decode())

    async def receive(self) -> dict[str, Any]:
        """The next message; it must be text."""
        text = await self.connection.recv()
        assert isinstance(text, str)
        return orjson.loads(text)

    async def subscribe(self, query: str, *, id: str = "1", **variables: object) -> None:
        """Begin an operation."""
        payload = {"query": query, "variables": variables}
        await self.send({"id": id, "type": "subscribe", "payload": payload})

    async def answers(self) -> AsyncGenerator[dict[str, Any]]:
        """Data of one operation until it completes."""
        while (message := await self.receive())["type"] == "next":
            assert "errors" not in message["payload"], message
            yield message["payload"]["data"]
        assert message["type"] == "complete", message


@asynccontextmanager
async def open_socket(service: Service, **headers: str) -> AsyncGenerator[Socket]:
    """A socket before `connection_init`."""
    protocol = Subprotocol("graphql-transport-ws")
    async with connect(
        service.socket_url,
        subprotocols=[protocol],
        additional_headers=headers,
        compression=None,  # as the service has it
    ) as connection:
        yield Socket(connection)


@asynccontextmanager
async def socket_of(service: Service, **payload: object) -> AsyncGenerator[Socket]:
    """A socket that is ready for operations."""
    async with open_socket(service) as socket:
        await socket.send({"type": "connection_init", "payload": payload})
        assert (await socket.receive())["type"] == "connection_ack"
        yield socket


async def seqs_of(service: Service, run_id: str, *, after: int = -1) -> list[int]:
    """All seqs that a subscription delivers until the run is over."""
    async with socket_of(service) as socket:
        await socket.subscribe(RUN_EVENTS, run=run_id, after=str(after))
        return [
            event["seq"] async for data in socket.answers() for event in data["runEvents"]["events"]
        ]
