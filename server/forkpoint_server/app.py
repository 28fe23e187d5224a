"""The composition root: settings in, an ASGI application out."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from functools import partial

import redis.asyncio
from redis.exceptions import RedisError
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.types import ASGIApp

from forkpoint_server.artifacts.store import BlobStore
from forkpoint_server.artifacts.stores import open_blobs
from forkpoint_server.db.engine import Database
from forkpoint_server.diff.comparisons import Comparisons
from forkpoint_server.endpoints.artifacts import get_artifact
from forkpoint_server.endpoints.cockpit import Cockpit, cockpit_folder
from forkpoint_server.endpoints.doorway import Doorway
from forkpoint_server.endpoints.events import post_events
from forkpoint_server.endpoints.graphql import post_graphql
from forkpoint_server.endpoints.health import healthz, metrics, readyz
from forkpoint_server.endpoints.otlp import export, no_metrics
from forkpoint_server.endpoints.requests import answering_refusals, error_response
from forkpoint_server.endpoints.socket import SubscriptionSocket
from forkpoint_server.errors import BadRequest, NotFound, ServerError
from forkpoint_server.graphql.context import Services
from forkpoint_server.graphql.schema import schema
from forkpoint_server.ingestion.gathering import Gathering
from forkpoint_server.ingestion.otlp.decode import Signal
from forkpoint_server.ingestion.otlp.intake import OtlpIntake
from forkpoint_server.ingestion.pressure import Pressure
from forkpoint_server.jobs.wake import Waker
from forkpoint_server.live.listen import Listener
from forkpoint_server.live.publish import Rest, publisher_for
from forkpoint_server.security.allowances import Allowances
from forkpoint_server.security.authentication import Authenticator
from forkpoint_server.security.quotas import Rate
from forkpoint_server.security.room import Room
from forkpoint_server.settings import Settings

_CONNECT_S = 2.0
_WAKE_S = 0.5
"""Seconds a finished run waits for Redis to take the wake-up."""


class MethodNotAllowed(BadRequest):
    """The route is served, but not under this method."""

    status = 405


def create_app(settings: Settings) -> ASGIApp:
    """The whole service. It connects when its lifespan begins."""
    app = Starlette(
        routes=_routes(settings, Cockpit(cockpit_folder(settings.cockpit))),
        lifespan=partial(_lifespan, settings=settings),
        exception_handlers={HTTPException: _http_refusal},
    )
    return Doorway(app, settings)


def make_services(
    settings: Settings,
    *,
    client: redis.asyncio.Redis | None,
    waker: Waker | None,
    blobs: BlobStore,
) -> Services:
    """Everything that requests are served with; databases are connected to when first asked."""
    database = Database(settings.database_url)
    limits = settings.limits
    room = Room(limits.in_flight)
    return Services(
        settings=settings,
        database=database,
        blobs=blobs,
        authenticator=Authenticator(
            database, settings, wall_ns=time.time_ns, steady_s=time.monotonic
        ),
        listener=Listener(client),
        publisher=partial(publisher_for, client, rest=Rest()),
        wake=partial(_wake, waker),
        comparisons=Comparisons(database, blobs),
        clock=time.time_ns,
        steady=time.monotonic,
        room=room,
        pressure=Pressure(database, settings.pressure, data=settings.data, room=room),
        allowances=Allowances(database, settings.quotas, clock=time.time_ns, steady=time.monotonic),
        gathering=Gathering(database, clock=time.time_ns),
        otlp=OtlpIntake(database, settings.otlp, clock=time.time_ns, steady=time.monotonic),
        event_rate=Rate(per_second=limits.events_per_second, burst=limits.events_per_second * 5),
    )


def _routes(settings: Settings, cockpit: Cockpit) -> list[BaseRoute]:
    api = [
        Route("/graphql", post_graphql, methods=["POST"]),
        Route("/v1/events", answering_refusals(post_events), methods=["POST"]),
        Route("/v1/traces", export(Signal.TRACES), methods=["POST"]),
        Route("/v1/logs", export(Signal.LOGS), methods=["POST"]),
        Route("/v1/metrics", no_metrics, methods=["POST"]),
        Route("/v1/artifacts/{digest}", answering_refusals(get_artifact), methods=["GET"]),
        Route("/healthz", answering_refusals(healthz), methods=["GET"]),
        Route("/readyz", answering_refusals(readyz), methods=["GET"]),
        Route("/metrics", answering_refusals(metrics), methods=["GET"]),
    ]
    # else the cockpit's routes would answer other methods with "no such page"
    refused = [Route(route.path, answering_refusals(_refuse_method)) for route in api]
    pages = [Route(path, answering_refusals(page)) for path, page in cockpit.pages()]
    socket = WebSocketRoute("/graphql", SubscriptionSocket(schema, settings))
    return [socket, *api, *refused, *pages]


@contextlib.asynccontextmanager
async def _lifespan(app: Starlette, *, settings: Settings) -> AsyncGenerator[None]:
    client = _redis(settings)
    blobs = await open_blobs(settings)
    waker = Waker(settings.redis_url) if settings.redis_url else None
    services = make_services(settings, client=client, waker=waker, blobs=blobs)
    app.state.services = services
    app.state.redis = client
    # each is closed whatever becomes of the others: a Redis that is away refuses even a goodbye
    async with contextlib.AsyncExitStack() as closing:
        closing.push_async_callback(services.database.close)
        closing.push_async_callback(blobs.close)
        if waker:
            closing.push_async_callback(_let_go, waker.close)
        if client:
            closing.push_async_callback(_let_go, client.aclose)
        closing.push_async_callback(_settle, services)
        closing.push_async_callback(_end, asyncio.create_task(services.listener.run()))
        closing.push_async_callback(_end, asyncio.create_task(services.pressure.run()))
        yield


async def _let_go(close: Callable[[], Awaitable[None]]) -> None:
    """Close a client of Redis, which may be away."""
    with contextlib.suppress(RedisError, OSError):
        await close()


async def _settle(services: Services) -> None:
    """Bring the sums of quotas home; a database that is away keeps what it has."""
    with contextlib.suppress(ServerError):
        await services.allowances.settle()


async def _end(task: asyncio.Task[None]) -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def _wake(waker: Waker | None, job_id: int) -> None:
    """Nobody waits for a Redis that hangs: the job is in Postgres."""
    if waker:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(waker.wake(job_id, 0), _WAKE_S)


async def _refuse_method(request: Request) -> Response:
    raise MethodNotAllowed("this method is not served here")


def _redis(settings: Settings) -> redis.asyncio.Redis | None:
    if settings.redis_url is None:
        return None
    return redis.asyncio.Redis.from_url(  # pyright: ignore[reportUnknownMemberType]
        settings.redis_url, socket_timeout=None, socket_connect_timeout=_CONNECT_S
    )


async def _http_refusal(request: Request, error: Exception) -> Response:
    """What the router refuses: unknown routes and methods."""
    status = error.status_code if isinstance(error, HTTPException) else 500
    refusals: dict[int, ServerError] = {
        404: NotFound("page"),
        405: MethodNotAllowed("this method is not served here"),
    }
    return error_response(refusals.get(status, BadRequest("this cannot be served")))
