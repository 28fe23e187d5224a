"""JSON that was sent as text, and texts that say that something was masked by the sender."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import cast

import orjson

LONGEST = 16 << 20
"""Bytes of a text that is read as JSON."""
_DEPTH = 64
_MASKS = (
    "__REDACTED__",  # OpenInference, hide_inputs and the like
    "<fully masked due to failed mask function>",  # Langfuse, when its mask raises
)

_OF_OPENINFERENCE, _OF_LANGFUSE = (mask.encode() for mask in _MASKS)


def parsed(value: object) -> tuple[object, bool]:
    """A value, read as JSON if it is the text of an object or list; whether it was text."""
    if not isinstance(value, str) or len(value) > LONGEST or value.lstrip()[:1] not in ("{", "["):
        return value, False
    try:
        found = orjson.loads(value)
    except (orjson.JSONDecodeError, UnicodeEncodeError):
        return value, False
    return (found, True) if fits(found) else (value, False)


def fits(value: object, depth: int = _DEPTH) -> bool:
    """Whether a value is nested no deeper than what is stored."""
    level = [value]
    for _ in range(depth):
        level = [
            inner
            for each in level
            if isinstance(each, dict | list)
            for inner in (
                cast("Iterable[object]", each.values() if isinstance(each, dict) else each)
            )
        ]
        if not level:
            return True
    return False


def may_be_masked(packed: bytes) -> bool:
    """Whether a packed value can hold such a placeholder at all."""
    return _OF_OPENINFERENCE in packed or _OF_LANGFUSE in packed


def is_masked(value: object) -> bool:
    """Whether some text in a value is a sender's placeholder for what it would not send."""
    if isinstance(value, str):
        return value in _MASKS
    if isinstance(value, Mapping):
        return any(is_masked(each) for each in cast("Mapping[str, object]", value).values())
    if isinstance(value, Sequence) and not isinstance(value, bytes):
        return any(is_masked(each) for each in cast("Sequence[object]", value))
    return False


def mapping_of(value: object) -> dict[str, object]:
    """A value as a dict; empty if it is none, also after reading it as JSON."""
    found, _ = parsed(value)
    return cast("dict[str, object]", found) if isinstance(found, dict) else {}


def list_of(value: object) -> list[object]:
    """A value as a list; a single one is a list of one, nothing an empty one."""
    found, _ = parsed(value)
    if found is None:
        return []
    return cast("list[object]", found) if isinstance(found, list) else [found]
