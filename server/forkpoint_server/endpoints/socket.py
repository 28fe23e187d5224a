"""WS /graphql: subscriptions over graphql-transport-ws."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import Mapping
from datetime import timedelta
from typing import cast

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket
from strawberry.asgi import ASGIWebSocketAdapter, GraphQL
from strawberry.subscriptions import GRAPHQL_TRANSPORT_WS_PROTOCOL
from strawberry.subscriptions.protocols.graphql_transport_ws.handlers import (
    BaseGraphQLTransportWSHandler,
)
from strawberry.subscriptions.protocols.graphql_transport_ws.types import (
    ConnectionInitMessage,
    SubscribeMessage,
)

from forkpoint_server import telemetry
from forkpoint_server.endpoints.requests import encode_json, peer_of, services_of
from forkpoint_server.errors import Overloaded, RateLimited, ServerError
from forkpoint_server.graphql.context import Context, Services
from forkpoint_server.graphql.schema import Schema
from forkpoint_server.security.authentication import Peer, bearer_of
from forkpoint_server.settings import Settings

UNWRITABLE_S = 30.0
"""Seconds a client may leave its socket unread."""
_CONTEXT = "forkpoint.context"
UNAUTHORIZED, TOO_MANY, SLOW = 4401, 4429, 4290
"""Close codes of ours; the library adds 4400, 4403, 4406, 4408 and 4409."""


class SocketContext(Context):
    """The context of one socket; `connection_init` says who is at the other end."""

    def __init__(self, services: Services, peer: Peer) -> None:
        super().__init__(services, None, peer=peer.address, is_socket=True)
        self.whole_peer = peer


class _Adapter(ASGIWebSocketAdapter):
    """Closes a socket whose client does not read."""

    async def send_json(self, message: Mapping[str, object]) -> None:
        try:
            async with asyncio.timeout(UNWRITABLE_S):
                await super().send_json(message)
        except TimeoutError:
            await self.close(SLOW, "the messages are not read")


class _Handler(BaseGraphQLTransportWSHandler[SocketContext, None]):
    """Checks the token at the start and again while the socket is open."""

    async def handle(self) -> None:
        watch = asyncio.create_task(self._watch())
        try:
            await super().handle()
        finally:
            watch.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await watch

    async def handle_connection_init(self, message: ConnectionInitMessage) -> None:
        try:
            await super().handle_connection_init(message)
        except RateLimited as error:
            await self.websocket.close(TOO_MANY, error.message)
        except ServerError as error:
            await self.websocket.close(UNAUTHORIZED, error.message)

    async def handle_subscribe(self, message: SubscribeMessage) -> None:
        if len(self.operations) >= self.context.services.settings.limits.socket_operations:
            await self.websocket.close(TOO_MANY, "too many subscriptions on one socket")
            return
        await super().handle_subscribe(message)

    async def _watch(self) -> None:
        """Close the socket soon after its token is revoked or over."""
        services = self.context.services
        while True:
            await asyncio.sleep(services.settings.limits.socket_recheck_s)
            if not self.connection_acknowledged:
                continue
            with contextlib.suppress(Overloaded):  # nobody can say; the next look may
                if not await services.authenticator.is_still_valid(self.context.principal):
                    await self.websocket.close(UNAUTHORIZED, "the token is no longer valid")
                    return


class SubscriptionSocket(GraphQL[SocketContext, None]):
    """The WebSocket side of the library, with our checks. Its HTTP side is not mounted."""

    websocket_adapter_class = _Adapter
    graphql_transport_ws_handler_class = _Handler

    def __init__(self, schema: Schema, settings: Settings) -> None:
        limits = settings.limits
        super().__init__(
            schema,
            graphql_ide=None,
            allow_queries_via_get=False,
            subscription_protocols=(GRAPHQL_TRANSPORT_WS_PROTOCOL,),
            connection_init_wait_timeout=timedelta(seconds=limits.socket_init_s),
            max_subscriptions_per_connection=limits.socket_operations,
            allowed_origins=sorted(settings.allowed_origins),
        )
        self._sockets = limits.sockets
        self._open = 0
        self._by_token: Counter[str] = Counter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one socket, unless the process has too many."""
        if self._open >= self._sockets:
            await WebSocket(scope, receive=receive, send=send).close(TOO_MANY)
            return
        self._open += 1
        try:
            with telemetry.sockets.track_inprogress():
                await super().__call__(scope, receive, send)
        finally:
            self._open -= 1
            self._leave(scope)

    def encode_json(self, data: object) -> str:
        """Text, so that frames are text: browsers' clients read no binary ones."""
        return encode_json(data)

    async def get_context(
        self, request: Request | WebSocket, response: Response | WebSocket
    ) -> SocketContext:
        """One context for all operations of the socket."""
        context = SocketContext(services_of(request), peer_of(request))
        request.scope[_CONTEXT] = context
        return context

    async def on_ws_connect(self, context: SocketContext) -> dict[str, object]:
        """Find out who it is from `connection_init {token}` or `{authorization}`."""
        principal = await context.services.authenticator.principal(
            _bearer(context.connection_params), context.whole_peer
        )
        context.admit(principal)
        if principal.token_id:
            limit = context.services.settings.limits.sockets_per_token
            self._by_token[principal.token_id] += 1
            if self._by_token[principal.token_id] > limit:
                raise RateLimited(f"a token may have {limit} sockets")
        return {}

    def _leave(self, scope: Scope) -> None:
        """Give back what the socket counted against its token."""
        context = scope.get(_CONTEXT)
        if isinstance(context, SocketContext) and (token := context.token_id):
            self._by_token[token] -= 1
            if not self._by_token[token]:
                del self._by_token[token]


def _bearer(payload: object) -> str | None:
    """The token in a `connection_init` payload, alone or as an Authorization value."""
    if not isinstance(payload, Mapping):
        return None
    fields = cast("Mapping[str, object]", payload)
    token = fields.get("token")
    if isinstance(token, str) and token:
        return token
    for name in ("authorization", "Authorization"):
        value = fields.get(name)
        if isinstance(value, str):
            return bearer_of(value)
    return None
