"""httpx: its requests carry the run they belong to, so that the service asked can join it.

Added to each request as it is sent, so that a redirect to another host takes nothing along.
"""

from __future__ import annotations

import functools
from typing import Any, cast

from forkpoint.capture.baggage import HEADER, baggage_for

LIBRARY = "httpx"


def patch() -> None:
    """Patch the two transports that open connections; a second call does nothing."""
    import httpx

    for owner, name, make in (
        (httpx.HTTPTransport, "handle_request", _handle),
        (httpx.AsyncHTTPTransport, "handle_async_request", _handle_async),
    ):
        original = getattr(owner, name)
        if getattr(original, "__forkpoint__", False):
            continue
        wrapper = functools.wraps(original)(make(original))
        cast("Any", wrapper).__forkpoint__ = True
        setattr(owner, name, wrapper)


def canary() -> bool:
    """Whether the transports are the ones that were patched."""
    import httpx

    return all(
        getattr(method, "__forkpoint__", False)
        for method in (
            httpx.HTTPTransport.handle_request,
            httpx.AsyncHTTPTransport.handle_async_request,
        )
    )


def _handle(original: Any) -> Any:
    def handle_request(self: Any, request: Any) -> Any:
        return original(self, _told(request))

    return handle_request


def _handle_async(original: Any) -> Any:
    async def handle_async_request(self: Any, request: Any) -> Any:
        return await original(self, _told(request))

    return handle_async_request


def _told(request: Any) -> Any:
    """The request itself, or one like it that says of which run it is."""
    import httpx

    baggage = baggage_for(request.url.host)
    if baggage is None:
        return request
    return httpx.Request(
        request.method,
        request.url,
        headers=[*request.headers.raw, (HEADER.encode(), baggage.encode())],
        stream=request.stream,
        extensions=request.extensions,
    )
