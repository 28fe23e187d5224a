"""Keys of dicts: which make a plain object, and in what order."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from forkpoint.content.blocks import Key
from forkpoint.errors import EventError
from forkpoint.events.canonical import key_bytes, sorted_keys

_KEY_BYTES = 160
"""The longest key of a plain object, in UTF-8."""
_TILDE = ord("~")


def key_cell(key: bytes) -> bytes:
    """A key, written `"key":`, as a string value: there a literal tilde would read as a tag."""
    return b'"~' + key[1:-1] if key[1] == _TILDE else key[:-1]


def object_keys(value: Mapping[Key, object]) -> list[str] | None:
    """The keys in canonical order, or None if this dict cannot be a plain object."""
    for key in value:
        if not isinstance(key, str) or (len(key) > _KEY_BYTES // 4 and not _fits(key)):
            return None
    keys = cast("Mapping[str, object]", value)
    try:
        for key in keys:
            key_bytes(key)
    except EventError:  # a lone surrogate
        return None
    return sorted_keys(keys)


def _fits(key: str) -> bool:
    raw = utf8_of(key)
    return raw is not None and len(raw) <= _KEY_BYTES


def utf8_of(text: str) -> bytes | None:
    """The UTF-8 of a text, or None if it holds a lone surrogate."""
    try:
        return text.encode()
    except UnicodeEncodeError:
        return None
