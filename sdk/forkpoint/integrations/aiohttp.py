"""aiohttp: its requests carry the run they belong to, so that the service asked can join it.

Added to each request as it is sent, redirects and repetitions of middlewares included.
"""

from __future__ import annotations

import functools
from typing import Any, cast

from forkpoint.capture.baggage import HEADER, baggage_for

LIBRARY = "aiohttp"
_OURS = "forkpoint."


def patch() -> None:
    """Patch how a request is sent; a second call does nothing."""
    from aiohttp import ClientRequest

    original = ClientRequest.send
    if getattr(original, "__forkpoint__", False):
        return

    @functools.wraps(original)
    async def send(self: Any, *args: Any, **kwargs: Any) -> Any:
        _tell(self)
        return await original(self, *args, **kwargs)

    cast("Any", send).__forkpoint__ = True
    ClientRequest.send = send


def canary() -> bool:
    """Whether requests are sent in the way that was patched."""
    from aiohttp import ClientRequest

    return bool(getattr(ClientRequest.send, "__forkpoint__", False))


def _tell(request: Any) -> None:
    """Say of which run a request is, in the place of what it said when it was sent before."""
    baggage = baggage_for(request.url.host or "")
    said: list[str] = request.headers.getall(HEADER, [])
    others = [one for one in said if not one.startswith(_OURS)]
    if baggage is None and len(others) == len(said):
        return
    request.headers.popall(HEADER, None)
    for one in [*others, *([] if baggage is None else [baggage])]:
        request.headers.add(HEADER, one)
