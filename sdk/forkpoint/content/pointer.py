"""JSON pointers (RFC 6901) into values, with a spelling for keys JSON does not have."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from forkpoint.content.blocks import Key, Value
from forkpoint.errors import UsageError


def token(key: Key) -> str:
    """A dict key as one pointer token; `~=` and its repr if it is no string.

    RFC 6901 gives a tilde meaning only before 0 and 1, so the two spellings never meet.
    """
    if isinstance(key, str):
        return escape(key) if "~" in key or "/" in key else key
    return "~=" + escape(repr(key))


def escape(text: str) -> str:
    """A token of text: `~` becomes `~0`, `/` becomes `~1`."""
    return text.replace("~", "~0").replace("/", "~1")


def join(tokens: Sequence[str | int]) -> str:
    """The pointer of these keys and indexes."""
    return "".join([f"/{escape(item) if isinstance(item, str) else item}" for item in tokens])


def split(pointer: str) -> list[str]:
    """The keys and indexes of a pointer, as text; `UsageError` if it is none."""
    if pointer == "":
        return []
    if pointer[0] != "/":
        raise UsageError(f"a JSON pointer is empty or starts with '/': {pointer[:80]!r}")
    parts = pointer[1:].split("/")
    return [part.replace("~1", "/").replace("~0", "~") for part in parts]


def resolve(value: Value, pointer: str) -> Value:
    """The value a pointer leads to; `KeyError` if there is none."""
    for part in split(pointer):
        if isinstance(value, dict):
            value = cast("dict[Key, Value]", value)[part]
        elif isinstance(value, list | tuple):
            items = cast("Sequence[Value]", value)
            if not (part.isascii() and part.isdecimal()) or int(part) >= len(items):
                raise KeyError(pointer)
            value = items[int(part)]
        else:
            raise KeyError(pointer)
    return value
