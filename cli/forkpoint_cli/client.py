"""The service's GraphQL API, asked with gql: one question at a time, errors in our own words."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import cast

import aiohttp
from gql import Client, gql
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


class Service:
    """A running Forkpoint service."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def ask(self, document: str, **variables: object) -> Answer:
        """The `data` of a query or mutation.

        Raises `ServerAway` when nobody answers and `Refused` when the service says no.
        """
        return asyncio.run(self._ask(document, variables))

    async def subscribe(self, document: str, **variables: object) -> AsyncIterator[Answer]:
        """The `data` of each message of a subscription until the service completes it."""
        token = self._settings.token
        transport = WebsocketsTransport(
            url=self._settings.websocket_url,
            subprotocols=[WebsocketsTransport.GRAPHQLWS_SUBPROTOCOL],
            init_payload={"authorization": f"Bearer {token}"} if token else {},
        )
        try:
            async with Client(transport=transport) as session:
                request = gql(document)
                request.variable_values = dict(variables)
                async for answer in session.subscribe(request):
                    yield cast("Answer", answer)
        except (TransportError, OSError) as error:
            raise self._explained(error) from None

    async def _ask(self, document: str, variables: Mapping[str, object]) -> Answer:
        token = self._settings.token
        transport = AIOHTTPTransport(
            url=self._settings.graphql_url,
            headers={"Authorization": f"Bearer {token}"} if token else None,
            timeout=TIMEOUT_S,
        )
        client = Client(transport=transport, execute_timeout=TIMEOUT_S)
        request = gql(document)
        request.variable_values = dict(variables)
        try:
            async with client as session:
                return cast("Answer", await session.execute(request))
        except (TransportError, aiohttp.ClientError, OSError) as error:
            raise self._explained(error) from None

    def _explained(self, error: Exception) -> CliError:
        if isinstance(error, TransportQueryError) and error.errors:
            return refusal(error.errors[0])
        if isinstance(error, TransportServerError) and error.code in (401, 403):
            return Refused(
                f"{self._settings.url} does not accept the token",
                code="unauthenticated",
                hint="set FORKPOINT_TOKEN, or make one with: forkpoint token create",
            )
        if isinstance(error, TransportServerError):
            return Refused(f"{self._settings.url} answered {error.code}: {error}", code="trouble")
        if isinstance(error, TransportConnectionFailed | aiohttp.ClientError | OSError):
            return ServerAway(
                f"nothing answers at {self._settings.url}", hint="start one with: forkpoint up"
            )
        return CliError(f"{self._settings.url} did not answer as Forkpoint does: {error}")


def refusal(error: Mapping[str, object]) -> Refused:
    """One GraphQL error as ours, with the code of `extensions.code` in lower case."""
    extensions = cast("Mapping[str, object]", error.get("extensions") or {})
    code = str(extensions.get("code", "graphql")).lower()
    return Refused(str(error.get("message", "refused")), code=code)
