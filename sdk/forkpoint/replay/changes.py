"""What differs between a recorded input and the one of now, short enough to read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import cast

import orjson

from forkpoint.replay.pointers import pointer_of

CHANGES_SHOWN = 5
TEXT_SHOWN = 120
"""Characters of a changed value."""
_LEAD = 30
"""Characters shown before the first difference."""
_ABSENT = object()

Change = dict[str, object]


def changes_between(before: Mapping[str, object], after: Mapping[str, object]) -> list[Change]:
    """At most five places, as `{pointer, expected, got}`; a missing side is left out."""
    found: list[Change] = []
    for change in _walk(before, after, ()):
        found.append(change)
        if len(found) == CHANGES_SHOWN:
            break
    return found


def _walk(before: object, after: object, at: tuple[str, ...]) -> Iterator[Change]:
    left, right = _members(before), _members(after)
    alike = isinstance(before, list) == isinstance(after, list)
    if alike and left is not None and right is not None:
        for key in [*left, *(key for key in right if key not in left)]:
            yield from _walk(left.get(key, _ABSENT), right.get(key, _ABSENT), (*at, key))
    elif not _same(before, after):
        yield _change(before, after, at)


def _members(value: object) -> dict[str, object] | None:
    if isinstance(value, Mapping):
        members = cast("Mapping[object, object]", value)
        return {str(key): item for key, item in members.items()}
    if isinstance(value, list):
        return {str(index): item for index, item in enumerate(cast("list[object]", value))}
    return None


def _same(before: object, after: object) -> bool:
    """Equal as JSON: True is not 1, 1.0 is 1."""
    return before == after and isinstance(before, bool) is isinstance(after, bool)


def _change(before: object, after: object, at: tuple[str, ...]) -> Change:
    change: Change = {"pointer": pointer_of(at)}
    start = 0
    if isinstance(before, str) and isinstance(after, str):
        start = max(0, _first_difference(before, after) - _LEAD)
    if before is not _ABSENT:
        change["expected"] = _shown(before, start)
    if after is not _ABSENT:
        change["got"] = _shown(after, start)
    return change


def _first_difference(before: str, after: str) -> int:
    low, high = 0, min(len(before), len(after))
    while low < high:
        middle = (low + high + 1) // 2
        if before[:middle] == after[:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def _shown(value: object, start: int) -> object:
    if value is None or isinstance(value, bool | int | float):
        return value
    text = value if isinstance(value, str) else orjson.dumps(value, default=repr).decode()
    cut = ("…" if start else "") + text[start:]
    return cut if len(cut) <= TEXT_SHOWN else cut[: TEXT_SHOWN - 1] + "…"
