"""What every request passes before its route: the Host, the size of its headers, the counters."""

from __future__ import annotations

import time

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from forkpoint_server import telemetry
from forkpoint_server.endpoints.requests import error_response
from forkpoint_server.errors import BadRequest, LimitExceeded
from forkpoint_server.security.headers import API_POLICY, EVERYWHERE
from forkpoint_server.security.hosts import is_own_host
from forkpoint_server.settings import Settings


class Misdirected(BadRequest):
    """The Host header names somebody else: perhaps a name that was rebound to this address."""

    status = 421


class Doorway:
    """Plain ASGI middleware around the whole application."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app
        self._settings = settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse, or pass on with security headers on the answer."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        refused = self._refusal(scope, headers)
        if scope["type"] == "websocket":
            if refused:
                await receive()
                await send({"type": "websocket.close", "code": 1008, "reason": refused.message})
                return
            await self._app(scope, receive, send)
            return
        await self._answer(scope, receive, send, refused)

    async def _answer(
        self, scope: Scope, receive: Receive, send: Send, refused: BadRequest | None
    ) -> None:
        begin = time.perf_counter()
        status = 500

        async def send_guarded(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                answer = MutableHeaders(scope=message)
                for name, value in EVERYWHERE.items():
                    answer[name] = value
                answer.setdefault("content-security-policy", API_POLICY)
                answer.setdefault("cache-control", "no-store")
            await send(message)

        try:
            app = error_response(refused) if refused else self._app
            await app(scope, receive, send_guarded)
        finally:
            # set by the router; a template, so that ids do not become labels
            route = getattr(scope.get("route"), "path", "none")
            telemetry.requests.labels(route=route, status=str(status)).inc()
            telemetry.request_seconds.labels(route=route).observe(time.perf_counter() - begin)

    def _refusal(self, scope: Scope, headers: Headers) -> BadRequest | None:
        size = sum(len(name) + len(value) for name, value in scope["headers"])
        limit = self._settings.limits.header
        if size > limit:
            return LimitExceeded("header", limit)
        if not is_own_host(headers, self._settings):
            return Misdirected("this Host is not served here; see FORKPOINT_ALLOWED_HOSTS")
        return None
