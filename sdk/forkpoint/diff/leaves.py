"""Scalars of a JSON value and where they stand: what explains a change, and by whom."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import cast

SHORT = 16
"""Characters from which a text found inside another one is taken for its source."""

LONGEST_LITERAL = 65_536
"""Characters of a text that is tried as a value."""


def leaves(value: object, pointer: str = "") -> Iterator[tuple[str, object]]:
    """(JSON pointer, scalar) of every leaf, in order (RFC 6901)."""
    if isinstance(value, str):  # most leaves, and cheaper to tell than a Mapping
        yield pointer, value
    elif isinstance(value, dict | Mapping):
        for key, item in cast("Mapping[str, object]", value).items():
            name = str(key).replace("~", "~0").replace("/", "~1")
            yield from leaves(item, f"{pointer}/{name}")
    elif isinstance(value, list | tuple):
        for index, item in enumerate(cast("Sequence[object]", value)):
            yield from leaves(item, f"{pointer}/{index}")
    else:
        yield pointer, value


def scalars(value: object) -> set[str]:
    """Every leaf as text that tells types apart (`"1"` and `1` differ).

    A leaf that is the text of a list or object, as JSON or as Python prints it, counts as the
    leaves of that value: agents paste tool outputs into prompts in either form.
    """
    if isinstance(value, str):
        opened = parsed(value)
        return {value} if opened is None else scalars(opened)
    found: set[str] = set()
    for _, leaf in leaves(value):
        opened = parsed(leaf)
        if opened is None:
            found.add(_text(leaf))
        else:
            found |= scalars(opened)
    return found


_DRAWN = frozenset(
    {
        "call_id",
        "created",
        "created_at",
        "prompt_tokens_details",
        "system_fingerprint",
        "timings",
        "tool_call_id",
    }
)
"""Fields that providers fill with a new name, time or state of their caches in each answer."""


def without_ids(value: object) -> object:
    """A model's answer without what is drawn for it: its id and times, ids of its tool calls.

    `id` is one at the top and in an object that also has a `function`, a `type` or a `name`; ids
    inside arguments are content and stay.
    """
    return _without_ids(value, top=True)


def _without_ids(value: object, *, top: bool) -> object:
    if isinstance(value, Mapping):
        fields = cast("Mapping[str, object]", value)
        drawn = top or not {"function", "type", "name"}.isdisjoint(fields)
        return {
            key: item if key in ("arguments", "args", "input") else _without_ids(item, top=False)
            for key, item in fields.items()
            if key not in _DRAWN and not (drawn and key == "id")
        }
    if isinstance(value, list):
        return [_without_ids(item, top=False) for item in cast("list[object]", value)]
    return value


def mark(value: object) -> str:
    """A text that is equal for equal values and tells `1` from `true` and `1.0`."""
    if isinstance(value, str):
        return f'"{value}'
    try:
        return json.dumps(value, sort_keys=True)
    except (TypeError, ValueError, RecursionError):
        return repr(value)


def texts(value: object) -> list[str]:
    """String leaves long enough to be recognised inside another text, longest first."""
    if isinstance(value, str):
        return [value] if len(value.strip()) >= SHORT else []
    found = {
        leaf for _, leaf in leaves(value) if isinstance(leaf, str) and len(leaf.strip()) >= SHORT
    }
    return sorted(found, key=len, reverse=True)


def parsed(leaf: object) -> object | None:
    """The list or object that a text stands for, None for anything else."""
    if not isinstance(leaf, str) or leaf[:1] not in ("{", "[") or len(leaf) > LONGEST_LITERAL:
        return None
    try:
        return cast("object", json.loads(leaf))
    except (ValueError, RecursionError):
        return _literal(leaf)


def _literal(text: str) -> object | None:
    """Python literals only, no names and no calls; hostile nesting is refused by the parser."""
    try:
        return cast("object", ast.literal_eval(text))
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return None


def _text(leaf: object) -> str:
    return leaf if isinstance(leaf, str) else f"\0{json.dumps(leaf, default=repr)}"
