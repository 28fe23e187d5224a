"""What all doors do with a request: find out who asks, answer refusals."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import cast

import orjson
from starlette.requests import HTTPConnection, Request
from starlette.responses import Response

from forkpoint_server.errors import Forbidden, ServerError
from forkpoint_server.graphql.context import Services
from forkpoint_server.graphql.errors import refusal
from forkpoint_server.security.authentication import Peer, bearer_of
from forkpoint_server.security.hosts import is_loopback_peer, is_own_origin
from forkpoint_server.security.principals import Principal

Handler = Callable[[Request], Awaitable[Response]]


def services_of(connection: HTTPConnection) -> Services:
    """The services of the process."""
    return cast("Services", connection.app.state.services)


def peer_of(connection: HTTPConnection) -> Peer:
    """The other end, as the socket says."""
    client = connection.client
    address = client.host if client else ""
    pair = (client.host, client.port) if client else None
    return Peer(address=address, is_loopback=is_loopback_peer(pair) or client is None)


async def authenticate(request: Request) -> Principal:
    """Who asks. Without a token only pages of our own origin may: a browser sends it unasked."""
    services = services_of(request)
    bearer = bearer_of(request.headers.get("authorization"))
    if bearer is None and not is_own_origin(request.headers, services.settings):
        raise Forbidden("requests of other origins need a token")
    return await services.authenticator.principal(bearer, peer_of(request))


def sender_of(request: Request, principal: Principal) -> str:
    """Whose share of the room a request takes: its token's, without one its address's."""
    return principal.token_id or peer_of(request).address


def answering_refusals(handler: Handler) -> Handler:
    """The handler, with every exception written as `{"error": {...}}` and its status."""

    async def handle(request: Request) -> Response:
        try:
            return await handler(request)
        except Exception as error:
            return error_response(refusal(error))

    return handle


def error_response(error: ServerError) -> Response:
    """A refusal as JSON, with Retry-After where waiting helps."""
    shown: dict[str, object] = {**error.extensions, "message": error.message}
    headers = {} if error.retry_after_s is None else {"retry-after": str(error.retry_after_s)}
    if error.status == 401:
        headers["www-authenticate"] = "Bearer"
    return json_response({"error": shown}, status=error.status, headers=headers)


def json_response(
    value: object, *, status: int = 200, headers: dict[str, str] | None = None
) -> Response:
    """An answer in JSON."""
    return Response(
        encode_json(value), status_code=status, headers=headers, media_type="application/json"
    )


def encode_json(value: object) -> str:
    """JSON text. A value with a lone surrogate, which is no UTF-8, is written with escapes."""
    try:
        return orjson.dumps(value).decode()
    except TypeError:
        return json.dumps(value, ensure_ascii=True)
