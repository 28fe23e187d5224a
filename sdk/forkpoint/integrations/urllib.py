"""The standard library's HTTP client, and all that stand on it: urllib, urllib3, requests.

Their requests carry the run they belong to, so that the service asked can join it.
"""

from __future__ import annotations

import functools
from http.client import HTTPConnection
from typing import Any, cast

from forkpoint.capture.baggage import HEADER, baggage_for

LIBRARY = "urllib"


def patch() -> None:
    """Patch the end of the headers of a connection; a second call does nothing."""
    original = HTTPConnection.endheaders
    if getattr(original, "__forkpoint__", False):
        return

    @functools.wraps(original)
    def endheaders(self: Any, *args: Any, **kwargs: Any) -> None:
        baggage = baggage_for(self.host)
        if baggage is not None:
            self.putheader(HEADER, baggage)
        original(self, *args, **kwargs)

    cast("Any", endheaders).__forkpoint__ = True
    HTTPConnection.endheaders = endheaders


def canary() -> bool:
    """Whether a connection sends headers in the way that was patched."""
    return bool(getattr(HTTPConnection.endheaders, "__forkpoint__", False))
