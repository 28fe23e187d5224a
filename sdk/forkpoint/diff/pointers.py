"""Changes of JSON values by pointer (RFC 6901), lists aligned so that an insert is one change."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import cast

from forkpoint.diff.sequences import common_subsequence

Change = dict[str, object]
"""{"pointer", "op": "replace" | "add" | "remove", "a"?, "b"?}."""
MOST_CHANGES = 1000
_LONGEST_LIST = 2000


def changes(a: object, b: object, pointer: str = "") -> list[Change]:
    """What turns `a` into `b`, at most 1,000 entries; list indexes of `remove` are those of A."""
    found: list[Change] = []
    _compare(a, b, pointer, found)
    return found[:MOST_CHANGES]


def _compare(a: object, b: object, pointer: str, found: list[Change]) -> None:
    if len(found) >= MOST_CHANGES or _same(a, b):
        return
    if isinstance(a, Mapping) and isinstance(b, Mapping):
        _compare_objects(
            cast("Mapping[str, object]", a), cast("Mapping[str, object]", b), pointer, found
        )
    elif isinstance(a, list) and isinstance(b, list):
        _compare_lists(cast("list[object]", a), cast("list[object]", b), pointer, found)
    else:
        found.append({"pointer": pointer, "op": "replace", "a": a, "b": b})


def _compare_objects(
    a: Mapping[str, object], b: Mapping[str, object], pointer: str, found: list[Change]
) -> None:
    for key in [*a, *(key for key in b if key not in a)]:
        inner = f"{pointer}/{str(key).replace('~', '~0').replace('/', '~1')}"
        if key not in b:
            found.append({"pointer": inner, "op": "remove", "a": a[key]})
        elif key not in a:
            found.append({"pointer": inner, "op": "add", "b": b[key]})
        else:
            _compare(a[key], b[key], inner, found)


def _compare_lists(a: list[object], b: list[object], pointer: str, found: list[Change]) -> None:
    if len(a) == len(b) or len(a) > _LONGEST_LIST or len(b) > _LONGEST_LIST:
        pairs = [(at, at) for at in range(min(len(a), len(b)))]
    else:
        pairs = common_subsequence([_text(item) for item in a], [_text(item) for item in b])
    at = other = 0
    for one, two in [*pairs, (len(a), len(b))]:
        _compare_gap(a[at:one], b[other:two], pointer, (at, other), found)
        if one < len(a) and two < len(b):
            _compare(a[one], b[two], f"{pointer}/{two}", found)
        at, other = one + 1, two + 1


def _compare_gap(
    a: Sequence[object],
    b: Sequence[object],
    pointer: str,
    offset: tuple[int, int],
    found: list[Change],
) -> None:
    shared = min(len(a), len(b))
    for index in range(shared):
        _compare(a[index], b[index], f"{pointer}/{offset[1] + index}", found)
    for index in range(shared, len(a)):
        found.append({"pointer": f"{pointer}/{offset[0] + index}", "op": "remove", "a": a[index]})
    for index in range(shared, len(b)):
        found.append({"pointer": f"{pointer}/{offset[1] + index}", "op": "add", "b": b[index]})


def _same(a: object, b: object) -> bool:
    return type(a) is type(b) and a == b and (_text(a) == _text(b) if _is_tree(a) else True)


def _is_tree(value: object) -> bool:
    return isinstance(value, Mapping | list)


def _text(value: object) -> str:
    return json.dumps(value, sort_keys=True, default=repr)
