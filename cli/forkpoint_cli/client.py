"""The service's GraphQL API, asked with gql: one question at a time, errors in our own words."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import cast

import aiohttp
from gql import Client, gql
from gql.client import AsyncClientSession, ReconnectingAsyncClientSession
from gql.transport.aiohttp import AIOHTTPTransport
from gql.transport.exceptions import (
    TransportConnectionFailed,
    TransportError,
    TransportQueryError,
    TransportServerError,
)
from gql.transport.websockets import WebsocketsTransport

from forkpoint_cli.errors import CliError, Refused, ServerAway
from forkpoint_cli.settings import Settings

Answer = Mapping[str, object]
TIMEOUT_S = 60
_TROUBLE = (TransportError, aiohttp.ClientError, OSError, TimeoutError)


class Connection:
    """One open connection to the service, for many questions."""

    def __init__(
        self, session: AsyncClientSession | ReconnectingAsyncClientSession, settings: Settings
    ) -> None:
        self._session, self._settings = session, settings

    async def ask(self, document: str, **variables: object) -> Answer:
        """As `Service.ask`."""
        request = gql(document)
        request.variable_values = dict(variables)
        try:
            return cast("Answer", await self._session.execute(request))
        except _TROUBLE as error:
            raise explained(error, self._settings.url) from None


class Service:
    """A running Forkpoint service."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def ask(self, document: str, **variables: object) -> Answer:
        """The `data` of a query or mutation.

        Raises `ServerAway` when nobody answers and `Refused` when the service says no.
        """
        return asyncio.run(self._ask(document, variables))

    @asynccontextmanager
    async def connected(self) -> AsyncGenerator[Connection]:
        """A connection that is kept open for several questions."""
        token = self._settings.token
        transport = AIOHTTPTransport(
            url=self._settings.graphql_url,
            headers={"Authorization": f"Bearer {token}"} if token else None,
            timeout=TIMEOUT_S,
        )
        client = Client(transport=transport, execute_timeout=TIMEOUT_S)
        async with client as session:
            yield Connection(session, self._settings)

    async def subscribe(self, document: str, **variables: object) -> AsyncIterator[Answer]:
        """The `data` of each message of a subscription until the service completes it."""
        token = self._settings.token
        transport = WebsocketsTransport(
            url=self._settings.websocket_url,
            subprotocols=[WebsocketsTransport.GRAPHQLWS_SUBPROTOCOL],
            init_payload={"authorization": f"Bearer {token}"} if token else {},
        )
        request = gql(document)
        request.variable_values = dict(variables)
        try:
            async with Client(transport=transport) as session:
                async for answer in session.subscribe(request):
                    yield cast("Answer", answer)
        except _TROUBLE as error:
            raise explained(error, self._settings.url) from None

    async def _ask(self, document: str, variables: Mapping[str, object]) -> Answer:
        async with self.connected() as connection:
            return await connection.ask(document, **variables)


def explained(error: Exception, url: str) -> CliError:
    """What went wrong on the way to `url`, as a message for people."""
    if isinstance(error, TransportQueryError) and error.errors:
        return refusal(error.errors[0])
    if isinstance(error, TransportServerError) and error.code in (401, 403):
        return Refused(
            f"{url} does not accept the token",
            code="unauthenticated",
            hint="set FORKPOINT_TOKEN, or make one with: forkpoint token create",
        )
    if isinstance(error, TransportServerError):
        return Refused(f"{url} answered {error.code}: {error}", code="trouble")
    if isinstance(error, TimeoutError):
        return ServerAway(f"{url} did not answer within {TIMEOUT_S} s")
    if isinstance(error, TransportConnectionFailed | aiohttp.ClientError | OSError):
        return ServerAway(f"nothing answers at {url}", hint="start one with: forkpoint up")
    return CliError(f"{url} did not answer as Forkpoint does: {error}")


def refusal(error: Mapping[str, object]) -> Refused:
    """One GraphQL error as ours, with the code of `extensions.code` in lower case."""
    extensions = cast("Mapping[str, object]", error.get("extensions") or {})
    code = str(extensions.get("code", "graphql")).lower()
    return Refused(str(error.get("message", "refused")), code=code)
