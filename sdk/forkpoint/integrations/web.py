"""Middleware for services: what they do for a request of a recorded run becomes part of it.

app = JoinASGI(app)    # Starlette, FastAPI, Django, Litestar
app = JoinWSGI(app)    # Flask, Django
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Iterator, MutableMapping
from contextvars import copy_context
from typing import Any

from forkpoint.capture.baggage import HEADER, joined

Scope = MutableMapping[str, Any]
ASGI = Callable[[Scope, Callable[..., Awaitable[Any]], Callable[..., Awaitable[None]]], Any]
WSGI = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class JoinASGI:
    """Joins the run of each HTTP request and web socket that says of which it is."""

    def __init__(self, app: ASGI) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        """Serve one connection; `lifespan` and others pass through."""
        name = HEADER.encode()
        said = [value.decode("latin-1") for key, value in scope.get("headers", ()) if key == name]
        with joined(",".join(said)):
            await self._app(scope, receive, send)


class JoinWSGI:
    """Joins the run of each request that says of which it is, until its body was read."""

    def __init__(self, app: WSGI) -> None:
        self._app = app

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
        """Serve one request in a context of its own, the body too."""
        return _Body(self._app, environ, start_response)


class _Body:
    """The answer of an application: it runs where the run was joined, chunk by chunk."""

    def __init__(self, app: WSGI, environ: dict[str, Any], start_response: Any) -> None:
        self._context = copy_context()
        self._joined = joined(environ.get("HTTP_BAGGAGE"))
        self._context.run(self._joined.__enter__)
        try:
            self._body = self._context.run(app, environ, start_response)
            self._chunks: Iterator[bytes] = self._context.run(iter, self._body)
        except BaseException:
            self._leave()
            raise

    def __iter__(self) -> _Body:
        return self

    def __next__(self) -> bytes:
        return self._context.run(next, self._chunks)

    def close(self) -> None:
        """Called by the server when the body was sent, or will not be."""
        try:
            close = getattr(self._body, "close", None)
            if close is not None:
                self._context.run(close)
        finally:
            self._leave()

    def _leave(self) -> None:
        self._context.run(self._joined.__exit__, None, None, None)
