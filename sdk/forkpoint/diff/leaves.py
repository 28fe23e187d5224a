"""Scalars of a JSON value and where they stand: what explains a change, and by whom."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import cast

SHORT = 16
"""Characters from which a text found inside another one is taken for its source."""


def leaves(value: object, pointer: str = "") -> Iterator[tuple[str, object]]:
    """(JSON pointer, scalar) of every leaf, in order (RFC 6901)."""
    if isinstance(value, Mapping):
        for key, item in cast("Mapping[str, object]", value).items():
            name = str(key).replace("~", "~0").replace("/", "~1")
            yield from leaves(item, f"{pointer}/{name}")
    elif isinstance(value, list | tuple):
        for index, item in enumerate(cast("Sequence[object]", value)):
            yield from leaves(item, f"{pointer}/{index}")
    else:
        yield pointer, value


def scalars(value: object) -> set[str]:
    """Every leaf as text that tells types apart, JSON texts opened: `"1"` and `1` differ."""
    found: set[str] = set()
    for _, leaf in leaves(value):
        found.add(_text(leaf))
        opened = parsed(leaf)
        if opened is not None:
            found |= scalars(opened)
    return found


def texts(value: object) -> list[str]:
    """String leaves long enough to be recognised inside another text, longest first."""
    found = {
        leaf for _, leaf in leaves(value) if isinstance(leaf, str) and len(leaf.strip()) >= SHORT
    }
    return sorted(found, key=len, reverse=True)


def parsed(leaf: object) -> object | None:
    """The list or object a JSON text stands for, None for anything else."""
    if not isinstance(leaf, str) or leaf[:1] not in ("{", "["):
        return None
    try:
        return cast("object", json.loads(leaf))
    except ValueError:
        return None


def _text(leaf: object) -> str:
    return leaf if isinstance(leaf, str) else f"\0{json.dumps(leaf, default=repr)}"
