"""Where an input came from: earlier outputs that appear in it, and how they were found. Pure.

Three tiers, the surest first: `block`, an output that was passed on whole and is large enough to be
a block of its own; `value`, an equal small value or an equal text inside the output; `text`, the
output's text, or a rendering of it, inside a longer text, as templates do it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, cast

import orjson
from forkpoint.content.pointer import join

How = Literal["block", "value", "text"]
BLOCK_BYTES = 160
"""Larger values have a block of their own."""
TELLING_CHARACTERS = 12
"""Shorter texts are found everywhere and prove nothing."""
SENTENCE_CHARACTERS = 20
"""A text inside an output is looked for in longer texts only if it has so many."""
_RANK: dict[How, int] = {"block": 0, "value": 1, "text": 2}


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """What a step gave; `seq` is its number."""

    seq: int
    value: object


@dataclass(frozen=True, slots=True, kw_only=True)
class Edge:
    """An output that appears in a part, at a JSON pointer."""

    seq: int
    part: str
    pointer: str
    how: How


@dataclass(frozen=True, slots=True)
class _Place:
    part: str
    pointer: str
    value: object


def trace(
    outputs: Sequence[Output],
    parts: Mapping[str, object],
    *,
    before: Mapping[str, object] | None = None,
) -> list[Edge]:
    """One edge for each output that appears in what the parts have and `before` has not.

    `before` holds the parts of the scope's last step: what stood there was explained there.
    """
    known = {_key(place.value) for place in _places(before or {})}
    new = [place for place in _places(parts) if _key(place.value) not in known]
    exact: dict[bytes, _Place] = {}
    for place in new:
        exact.setdefault(_key(place.value), place)
    texts = [place for place in new if isinstance(place.value, str)]
    found = [edge for output in outputs if (edge := _edge(output, exact, texts))]
    return sorted(found, key=lambda edge: (_RANK[edge.how], -edge.seq))


def renderings(value: object) -> list[str]:
    """How a program is likely to have written a value into a text, longest first."""
    if isinstance(value, str):
        candidates = [value, value.strip()]
    elif isinstance(value, dict | list):
        compact = json.dumps(value, ensure_ascii=False, default=str, separators=(",", ":"))
        candidates = [
            json.dumps(value, default=str),
            json.dumps(value, ensure_ascii=False, default=str),
            json.dumps(value, default=str, indent=2),
            compact,
            str(cast("object", value)),
        ]
        candidates += [
            text for text in _texts_in(cast("object", value)) if len(text) >= SENTENCE_CHARACTERS
        ]
    else:
        candidates = []
    telling = {text for text in candidates if len(text) >= TELLING_CHARACTERS}
    return sorted(telling, key=len, reverse=True)


def _edge(output: Output, exact: Mapping[bytes, _Place], texts: Sequence[_Place]) -> Edge | None:
    if _is_telling(output.value) and (place := exact.get(_key(output.value))):
        whole = len(_key(output.value)) > BLOCK_BYTES
        return _at(output, place, "block" if whole else "value")
    for text in _texts_in(output.value):
        if len(text) >= TELLING_CHARACTERS and (place := exact.get(_key(text))):
            return _at(output, place, "value")
    for text in renderings(output.value):
        for place in texts:
            if text in cast("str", place.value):
                return _at(output, place, "text")
    return None


def _at(output: Output, place: _Place, how: How) -> Edge:
    return Edge(seq=output.seq, part=place.part, pointer=place.pointer, how=how)


def _is_telling(value: object) -> bool:
    """Whether equality with this value says anything: `true`, `3` and `ok` are everywhere."""
    return len(_key(value)) >= TELLING_CHARACTERS


def _places(parts: Mapping[str, object]) -> Iterator[_Place]:
    for part, value in parts.items():
        yield from _below(part, [], value)


def _below(part: str, path: list[str | int], value: object) -> Iterator[_Place]:
    if isinstance(value, str | dict | list):
        yield _Place(part, join(path), cast("object", value))
    for key, item in _children(cast("object", value)):
        yield from _below(part, [*path, key], item)


def _children(value: object) -> list[tuple[str | int, object]]:
    if isinstance(value, dict):
        return [(str(key), item) for key, item in cast("dict[object, object]", value).items()]
    if isinstance(value, list):
        return list(enumerate(cast("list[object]", value)))
    return []


def _texts_in(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    for _, item in _children(value):
        yield from _texts_in(item)


def _key(value: object) -> bytes:
    """Equal for equal values, whatever the order of their keys."""
    try:
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS)
    except TypeError:
        return repr(value).encode("utf-8", "surrogatepass")
