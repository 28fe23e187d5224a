"""Is the process alive, can it serve, and its counters."""

from __future__ import annotations

import asyncio
from typing import Any, cast

from redis.exceptions import RedisError
from starlette.requests import Request
from starlette.responses import Response

from forkpoint_server import telemetry
from forkpoint_server.endpoints.requests import authenticate, json_response, services_of
from forkpoint_server.errors import ServerError
from forkpoint_server.security.scopes import Scope


async def healthz(request: Request) -> Response:
    """200 as long as the process answers; needs no database."""
    return json_response({"status": "ok"})


async def readyz(request: Request) -> Response:
    """200 when Postgres answers; Redis is reported and not required."""
    services = services_of(request)
    try:
        async with asyncio.timeout(3):
            await services.database.ping()
    except (ServerError, TimeoutError):
        return json_response({"status": "unready", "postgres": "away"}, status=503)
    return json_response(
        {"status": "ready", "postgres": "ok", "redis": await _redis(request.app.state.redis)}
    )


async def metrics(request: Request) -> Response:
    """Counters in the Prometheus text format; needs read:meta."""
    principal = await authenticate(request)
    principal.require(Scope.READ_META)
    return Response(telemetry.exposition(), headers={"content-type": telemetry.CONTENT_TYPE})


async def _redis(client: object) -> str:
    if client is None:
        return "not configured"
    try:
        async with asyncio.timeout(1):
            # redis-py leaves the type of ping open
            await cast("Any", client).ping()
    except (RedisError, OSError):
        return "away"
    return "ok"
