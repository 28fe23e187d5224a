"""The transports of httpx, and of httpx2 which has the same: requests say of which run they are.

Added to each request as it is sent, so that a redirect to another host takes nothing along.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import Any, cast

from forkpoint.capture.baggage import HEADER, baggage_for


def patch_transports(library: Any) -> None:
    """Patch the two transports that open connections; a second call does nothing."""
    told = _telling(library)
    for owner, name, make in _places(library):
        original = getattr(owner, name)
        if getattr(original, "__forkpoint__", False):
            continue
        wrapper = functools.wraps(original)(make(original, told))
        cast("Any", wrapper).__forkpoint__ = True
        setattr(owner, name, wrapper)


def transports_patched(library: Any) -> bool:
    """Whether the transports are the ones that were patched."""
    return all(
        getattr(getattr(owner, name), "__forkpoint__", False) for owner, name, _ in _places(library)
    )


def _places(library: Any) -> Iterator[tuple[Any, str, Any]]:
    yield library.HTTPTransport, "handle_request", _handle
    yield library.AsyncHTTPTransport, "handle_async_request", _handle_async


def _handle(original: Any, told: Any) -> Any:
    def handle_request(self: Any, request: Any) -> Any:
        return original(self, told(request))

    return handle_request


def _handle_async(original: Any, told: Any) -> Any:
    async def handle_async_request(self: Any, request: Any) -> Any:
        return await original(self, told(request))

    return handle_async_request


def _telling(library: Any) -> Any:
    def told(request: Any) -> Any:
        """The request itself, or one like it that says of which run it is."""
        baggage = baggage_for(request.url.host)
        if baggage is None:
            return request
        return library.Request(
            request.method,
            request.url,
            headers=[*request.headers.raw, (HEADER.encode(), baggage.encode())],
            stream=request.stream,
            extensions=request.extensions,
        )

    return told
