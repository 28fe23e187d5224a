"""The service under test: a real server on a port of its own, in the test's event loop."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import socket
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import orjson
import pytest
import uvicorn
from forkpoint_server.app import create_app
from forkpoint_server.settings import Settings
from stack import Database


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a GraphQL request came back with."""

    status: int
    data: Any
    errors: list[dict[str, Any]] = field(default_factory=list)

    @property
    def code(self) -> str:
        """`extensions.code` of the first error."""
        return self.errors[0]["extensions"]["code"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """A running server and a client for it."""

    url: str
    client: httpx2.AsyncClient

    @property
    def socket_url(self) -> str:
        """Of the subscriptions."""
        return self.url.replace("http://", "ws://") + "/graphql"

    async def ask(self, query: str, *, token: str | None = None, **variables: object) -> Answer:
        """Run one operation; lone surrogates and NaN are sent as given in `variables`."""
        headers = {"content-type": "application/json"}
        if token:
            headers["authorization"] = f"Bearer {token}"
        body = json_text({"query": query, "variables": variables})
        response = await self.client.post("/graphql", content=body, headers=headers)
        answer = orjson.loads(response.content)
        return Answer(
            status=response.status_code,
            data=answer.get("data"),
            errors=answer.get("errors", []),
        )

    async def data(self, query: str, **variables: object) -> Any:
        """The data of an operation that must succeed."""
        answer = await self.ask(query, **variables)
        assert not answer.errors, answer.errors
        return answer.data


def json_text(value: object) -> bytes:
    """JSON as a careless client writes it: NaN and escaped lone surrogates included."""
    return json.dumps(value).encode()


def settings_for(database: Database, data: Path, **changes: Any) -> Settings:
    """Settings of a service on a test database, as the role that the API has."""
    settings = Settings(
        database_url=database.url(), redis_url=database.redis_url, data=data, port=0
    )
    return dataclasses.replace(settings, **changes)


@asynccontextmanager
async def serving(settings: Settings) -> AsyncGenerator[Service]:
    """Serve until the block ends. The socket listens before the server starts: nobody waits."""
    # named TCP, so that asyncio turns off the delay that small answers would wait for
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.bind((settings.host, 0))
    listening.listen()
    server = uvicorn.Server(
        uvicorn.Config(
            create_app(settings),
            lifespan="on",
            proxy_headers=False,
            log_config=None,
            ws_max_size=settings.limits.socket_message,
            timeout_graceful_shutdown=1,
        )
    )
    task = asyncio.create_task(server.serve(sockets=[listening]))
    url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    try:
        async with httpx2.AsyncClient(base_url=url, timeout=30) as client:
            yield Service(url=url, client=client)
    finally:
        server.should_exit = True
        await task
        listening.close()


@pytest.fixture
async def service(database: Database, tmp_path: Path) -> AsyncGenerator[Service]:
    """A service on the database of the module."""
    async with serving(settings_for(database, tmp_path)) as running:
        yield running
