"""Prompt deltas: which messages are the same, added, removed, moved or changed."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence, Set
from typing import cast

from forkpoint.content import Digest, Get, ListReader, Tag, compare
from forkpoint.diff.pointers import changes
from forkpoint.diff.sequences import common_subsequence, unique_matches
from forkpoint.diff.text import hunks

MessageRow = dict[str, object]
_EXACT = 1500
"""Messages a side up to which the alignment is exact."""


def compare_messages(a: Sequence[object], b: Sequence[object]) -> list[MessageRow]:
    """Rows in order: {"op": "same", "a": [from, to], "b": [from, to]} for runs of equal messages,
    {"op": "removed" | "added" | "moved", "a"?, "b"?, "message"} and
    {"op": "changed", "a", "b", "role", "words", "changes"} with hunks of the content.
    """
    left, right = [_text(item) for item in a], [_text(item) for item in b]
    exact = max(len(left), len(right)) <= _EXACT
    pairs = (common_subsequence if exact else unique_matches)(left, right)
    return _rows(a, b, pairs, _moved(left, right, pairs))


def compare_trees(a: Digest, b: Digest, get: Get) -> list[MessageRow]:
    """As `compare_messages`, of two stored lists: only blocks of what differs are read.

    Raises `UsageError` where one of them is no list, and what `get` and `decode` raise.
    """
    left, right = ListReader(a, get), ListReader(b, get)
    pairs: list[tuple[int, int]] = []
    moved: dict[int, int] = {}
    for op in compare(a, b, get, deep=False):
        places = zip(range(op.a0, op.a1), range(op.b0, op.b1), strict=False)
        if op.tag is Tag.EQUAL:
            pairs += places
        elif op.tag is Tag.MOVE:
            moved.update(places)
    return _rows(left, right, sorted(pairs), moved)


def _rows(
    a: Sequence[object],
    b: Sequence[object],
    pairs: Sequence[tuple[int, int]],
    moved: Mapping[int, int],
) -> list[MessageRow]:
    rows: list[MessageRow] = []
    targets = set(moved.values())
    at = other = 0
    for one, two in [*pairs, (len(a), len(b))]:
        if at < one or other < two:
            _gap(rows, a, b, (at, one, other, two), moved, targets)
        if one < len(a):
            _same(rows, one, two)
        at, other = one + 1, two + 1
    return rows


def _gap(
    rows: list[MessageRow],
    a: Sequence[object],
    b: Sequence[object],
    gap: tuple[int, int, int, int],
    moved: Mapping[int, int],
    targets: Set[int],
) -> None:
    """Messages between two equal ones: same roles in order are one that changed."""
    at, one, other, two = gap
    gone = [index for index in range(at, one) if index not in moved]
    new = [index for index in range(other, two) if index not in targets]
    for index in range(at, one):
        if index in moved:
            place = moved[index]
            rows.append({"op": "moved", "a": index, "b": place, "message": a[index]})
    paired = common_subsequence([_role(a[at]) for at in gone], [_role(b[at]) for at in new])
    last_a = last_b = 0
    for i, j in [*paired, (len(gone), len(new))]:
        for index in gone[last_a:i]:
            rows.append({"op": "removed", "a": index, "message": a[index]})
        for index in new[last_b:j]:
            rows.append({"op": "added", "b": index, "message": b[index]})
        if i < len(gone):
            rows.append(_changed(a[gone[i]], b[new[j]], gone[i], new[j]))
        last_a, last_b = i + 1, j + 1


def _changed(before: object, after: object, a: int, b: int) -> MessageRow:
    return {
        "op": "changed",
        "a": a,
        "b": b,
        "role": _role(after),
        "words": hunks(content_text(before), content_text(after)),
        "changes": [
            change
            for change in changes(before, after)
            if not str(change["pointer"]).startswith("/content")
        ],
    }


def content_text(message: object) -> str:
    """The text of a chat message: its content, text parts joined by line breaks."""
    if isinstance(message, str):
        return message
    if not isinstance(message, Mapping):
        return _text(message)
    content = cast("Mapping[str, object]", message).get("content")
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return "" if content is None else _text(content)
    parts = [
        cast("Mapping[str, object]", part).get("text") if isinstance(part, Mapping) else part
        for part in cast("list[object]", content)
    ]
    return "\n".join(part if isinstance(part, str) else _text(part) for part in parts)


def _same(rows: list[MessageRow], one: int, two: int) -> None:
    last = rows[-1] if rows else None
    if last is not None and last["op"] == "same":
        a, b = cast("list[int]", last["a"]), cast("list[int]", last["b"])
        if (a[1], b[1]) == (one, two):
            a[1], b[1] = one + 1, two + 1
            return
    rows.append({"op": "same", "a": [one, one + 1], "b": [two, two + 1]})


def _moved(
    left: Sequence[str], right: Sequence[str], pairs: Sequence[tuple[int, int]]
) -> dict[int, int]:
    """Messages equal on both sides but out of order: index in A -> index in B."""
    taken_a, taken_b = {one for one, _ in pairs}, {two for _, two in pairs}
    waiting: dict[str, list[int]] = {}
    for index, text in enumerate(right):
        if index not in taken_b:
            waiting.setdefault(text, []).append(index)
    return {
        index: waiting[text].pop(0)
        for index, text in enumerate(left)
        if index not in taken_a and waiting.get(text)
    }


def _role(message: object) -> str:
    if isinstance(message, Mapping):
        return str(cast("Mapping[str, object]", message).get("role", ""))
    return ""


def _text(value: object) -> str:
    return json.dumps(value, sort_keys=True, default=repr)
