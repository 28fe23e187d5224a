"""What a body says: its JSON, its tags and its references, checked as they are read."""

from __future__ import annotations

import re
from base64 import b64decode
from binascii import Error as Base64Error
from dataclasses import dataclass
from typing import Any, TypeAlias, cast

import orjson

from forkpoint.content.blocks import Digest, Ref, digest_from_text, digest_text
from forkpoint.content.errors import CorruptBlock, LimitExceeded, UnsupportedFormat
from forkpoint.events.canonical import SAFE_INTEGER

Parsed: TypeAlias = Any
"""JSON as orjson reads it: the codec edge of this room."""

MAX_LEVELS = 64
"""Levels of one sequence; a million entries need fewer than 20."""
_LONG_TAGS = frozenset(["~l", "~m", "~d", "~s", "~y", "~q"])
_MANY_DIGITS = re.compile(rb"[0-9]{16}")
_COUNT = re.compile(r"(?:0|[1-9][0-9]{0,17})\Z")
_INTEGER = re.compile(r"-?[1-9][0-9]*\Z")
_FLOATS = {"NaN": float("nan"), "Infinity": float("inf"), "-Infinity": float("-inf")}


@dataclass(frozen=True, slots=True, kw_only=True)
class Long:
    """A sequence too long for one plain body: its head, what follows, and the open tail."""

    tag: str
    count: int
    head: str | None
    middle: str | None
    tail: list[Parsed]


def parse(digest: Digest, body: bytes) -> Parsed:
    """The JSON of a block; `CorruptBlock` if it is none."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as why:
        raise CorruptBlock(digest_text(digest), f"no JSON: {why.msg}") from why


def is_literal(body: bytes) -> bool:
    """Whether a body means just what its JSON says: no tag, and no integer that is a float."""
    return b'"~' not in body and not _MANY_DIGITS.search(body)


def tag_of(parsed: Parsed) -> str | None:
    """The tag of a structural array, or None for anything else."""
    if not isinstance(parsed, list) or not parsed:
        return None
    first = cast("list[Parsed]", parsed)[0]
    if not isinstance(first, str) or first[:1] != "~" or first[1:2] in "~:ifub":
        return None
    if first == "~g" or first in _LONG_TAGS:
        return first
    raise UnsupportedFormat(first[:8])


def long_of(digest: Digest, parsed: list[Parsed]) -> Long:
    """The parts of a `~l ~m ~d ~s ~y ~q` array."""
    if len(parsed) != 5:
        raise _corrupt(digest, "a long sequence has five parts")
    tag, count, head, middle, tail = parsed
    if type(count) is not int or count < 0 or not isinstance(tail, list):
        raise _corrupt(digest, "malformed sequence")
    if not _is_text_or_none(head) or not _is_text_or_none(middle) or (middle and not head):
        raise _corrupt(digest, "malformed head or middle")
    if tag == "~q" and head is None:
        raise _corrupt(digest, "a split sequence has a head")
    return Long(tag=tag, count=count, head=head, middle=middle, tail=cast("list[Parsed]", tail))


def group_of(digest: Digest, parsed: Parsed) -> list[Parsed]:
    """The items of a closed group."""
    if tag_of(parsed) != "~g" or len(parsed) < 2:
        raise _corrupt(digest, "not a group")
    return parsed[1:]


def plain_ref(text: str) -> Digest:
    """The digest of a cell `~:<43>`."""
    return digest_from_text(text[2:])


def counted_ref(digest: Digest, cell: Parsed) -> Ref:
    """The reference of a head, middle, group or chunk, found in block `digest`."""
    if isinstance(cell, str) and cell[:2] == "~:" and cell[45:46] == ":":
        count = cell[46:]
        if _COUNT.match(count):
            return Ref(digest_from_text(cell[2:45]), int(count))
    raise _corrupt(digest, "not a counted reference")


def scalar_of(text: str, digits: int) -> str | bytes | int | float:
    """What a string that starts with a tilde, and is no reference, stands for."""
    kind, rest = text[1:2], text[2:]
    if kind == "~":
        return text[1:]
    if kind == "i":
        return _integer(text, digits)
    if kind == "f" and rest in _FLOATS:
        return _FLOATS[rest]
    if kind not in ("b", "u"):
        raise UnsupportedFormat(text[:8])
    try:
        raw = b64decode(rest, validate=True)
        return raw if kind == "b" else raw.decode("utf-8", "surrogatepass")
    except (Base64Error, ValueError) as why:
        raise CorruptBlock("", "malformed base64 or text") from why


def number_of(value: int) -> int | float:
    """A bare integer: beyond 2^53-1 it was a float."""
    return value if -SAFE_INTEGER <= value <= SAFE_INTEGER else float(value)


def nesting(parsed: Parsed) -> int:
    """How many containers stand inside each other, counted without recursion."""
    depth = 0
    level = _containers([parsed])
    while level:
        depth += 1
        level = [inner for container in level for inner in _containers(container)]
    return depth


def _containers(items: Parsed) -> list[Parsed]:
    """The containers right inside a container, or among some items."""
    inside = cast("dict[str, Parsed]", items).values() if isinstance(items, dict) else items
    return [item for item in cast("list[Parsed]", inside) if isinstance(item, list | dict)]


def _integer(text: str, digits: int) -> int:
    rest = text[2:]
    if len(rest.lstrip("-")) > digits:
        raise LimitExceeded("integer_digits", digits)
    if not _INTEGER.match(rest):
        raise CorruptBlock("", "malformed integer")
    return int(rest)


def _is_text_or_none(value: Parsed) -> bool:
    return value is None or isinstance(value, str)


def _corrupt(digest: Digest, why: str) -> CorruptBlock:
    return CorruptBlock(digest_text(digest), why)
