"""Snapshots in the caller's thread: bytes that nothing can change later, or why there are none."""

from __future__ import annotations

from forkpoint.capture.items import Payload, Withheld
from forkpoint.content.errors import LimitExceeded
from forkpoint.content.snapshot import snapshot


def taken(value: object) -> Payload:
    """The value as it is now. Never raises: conversions run the host's own code."""
    try:
        return snapshot(value)
    except LimitExceeded:
        return Withheld("too_large")
    except Exception:  # an unknown type, or a model whose own dump fails
        return Withheld("unserialisable")
