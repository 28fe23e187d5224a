"""Snapshots in the caller's thread: bytes that nothing can change later, or why there are none."""

from __future__ import annotations

from ormsgpack import packb

from forkpoint.capture.items import Payload, Withheld
from forkpoint.content.errors import LimitExceeded
from forkpoint.content.limits import LIMITS
from forkpoint.content.snapshot import OPTIONS, plain, snapshot

_MOST = LIMITS.snapshot_bytes


def taken(value: object) -> Payload:
    """The value as it is now. Never raises: conversions run the host's own code."""
    try:
        data = packb(value, plain, OPTIONS)  # what `snapshot` does first
    except Exception:  # a lone surrogate, an odd key, an unknown type, or the host's own failure
        return _closely(value)
    return data if len(data) <= _MOST else Withheld("too_large")


def _closely(value: object) -> Payload:
    try:
        return snapshot(value)
    except LimitExceeded:
        return Withheld("too_large")
    except Exception:  # an unknown type, or a model whose own dump fails
        return Withheld("unserialisable")
