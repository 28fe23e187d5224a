"""What a span seems to be, from its raw bytes: good enough for a live view, and nearly free.

The door looks for a few encoded attribute keys without reading the attributes; the worker decides
again from all of them (`kinds`), so a prompt that holds such bytes misleads nobody for long.
"""

from __future__ import annotations

from forkpoint.events.kinds import Kind

from forkpoint_server.ingestion.otlp.mapping.kinds import (
    OPENINFERENCE,
    OPERATIONS,
    VENDORS,
)

_WORDS: dict[str, dict[str, Kind]] = {
    "openinference.span.kind": OPENINFERENCE,
    "gen_ai.operation.name": OPERATIONS,
    **VENDORS,
}


def _framed(key: str) -> bytes:
    """How a key begins inside its KeyValue: its length, its text, the tag of the value."""
    raw = key.encode()
    return bytes((len(raw),)) + raw + b"\x12"


_KEYS = [(_framed(key), words) for key, words in _WORDS.items()]
_PENDING = _framed("logfire.span_type")


def seems(body: bytes, begin: int, end: int) -> Kind | None:
    """The kind that the span encoded there names; None if it names none that is known."""
    for key, words in _KEYS:
        at = body.find(key, begin, end)
        if at >= 0:
            # value message: length, tag 0x0a of string_value, length, text
            first = at + len(key) + 3
            text = body[first : min(first + body[first - 1], end)] if first <= end else b""
            return words.get(text.decode("ascii", "replace").lower())
    return None


def is_pending(body: bytes, begin: int, end: int) -> bool:
    """Whether it may be a placeholder that says that another span has begun (Logfire)."""
    return body.find(_PENDING, begin, end) >= 0
