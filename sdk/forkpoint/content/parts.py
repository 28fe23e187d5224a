"""Sequences opened only as far as someone looks: groups stay references until they matter."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import Enum
from typing import NamedTuple, cast

import orjson

from forkpoint.content.blocks import Digest, Get, digest_text, load
from forkpoint.content.bodies import (
    Parsed,
    counted_ref,
    group_of,
    long_of,
    parse,
    plain_ref,
    tag_of,
)
from forkpoint.content.errors import CorruptBlock

UNIT = -1
"""The level of what is no group: an item, an entry, a chunk of text."""


class Kind(Enum):
    """What a body is made of."""

    ITEMS = "items"
    ENTRIES = "entries"
    TEXT = "text"
    BYTES = "bytes"
    VALUE = "value"


class Part(NamedTuple):
    """Some neighbours of a sequence; equal level and key mean equal content."""

    level: int
    """Of the items inside the group; `UNIT` if it is no group."""
    key: str | bytes
    """The digest of a group, the cell of a unit."""
    size: int
    """Items, or bytes of text."""
    unit: Parsed
    """The cell, `[key, cell]` of an entry, or None for a group."""


class Opened(NamedTuple):
    """A body as the parts of its sequence; a scalar has none."""

    kind: Kind
    parts: list[Part]
    by_bytes: bool


class Opener:
    """Loads and parses blocks, each once."""

    __slots__ = ("_blocks", "_get")

    def __init__(self, get: Get) -> None:
        self._get = get
        self._blocks: dict[Digest, Parsed] = {}

    def body(self, digest: Digest) -> Parsed:
        """The parsed body of one block."""
        self.fetch((digest,))
        return self._blocks[digest]

    def has(self, digest: Digest) -> bool:
        """Whether this block was loaded."""
        return digest in self._blocks

    def fetch(self, digests: Iterable[Digest]) -> None:
        """Load in one call those not loaded yet."""
        wanted = [digest for digest in dict.fromkeys(digests) if digest not in self._blocks]
        if wanted:
            for digest, body in load(wanted, self._get).items():
                self._blocks[digest] = parse(digest, body)

    def cell(self, cell: Parsed) -> Parsed:
        """The body a cell stands for."""
        return self.body(plain_ref(cell)) if is_reference(cell) else cell

    def expand(self, part: Part, *, by_bytes: bool) -> list[Part]:
        """The parts of a group, one level down (and up, for a split middle)."""
        digest = cast("bytes", part.key)
        parsed = self.body(digest)
        if tag_of(parsed) == "~q":
            whole = long_of(digest, parsed)
            parts = _ends(digest, whole.head, whole.middle, part.level)
            parts += [_group(digest, item, part.level - 1) for item in whole.tail]
        elif part.level > 0:
            items = group_of(digest, parsed)
            parts = [_group(digest, item, part.level - 1) for item in items]
        else:
            parts = _units(digest, group_of(digest, parsed), by_bytes=by_bytes)
        if sum([inner.size for inner in parts]) != part.size:
            raise CorruptBlock(digest_text(digest), "wrong count")
        return parts

    def units(self, parts: Sequence[Part], *, by_bytes: bool) -> list[Part]:
        """All units of some parts, one load per level."""
        found = list(parts)
        while any(part.level > UNIT for part in found):
            self.fetch([cast("bytes", part.key) for part in found if part.level > UNIT])
            found = [
                inner
                for part in found
                for inner in (
                    self.expand(part, by_bytes=by_bytes) if part.level > UNIT else (part,)
                )
            ]
        return found


def opened(digest: Digest, parsed: Parsed) -> Opened:
    """A body as parts; `digest` names the block it stands in."""
    if isinstance(parsed, dict):
        # Keys as a long dict writes them, so that a plain one can be compared with it.
        entries = [
            ["~" + key if key[:1] == "~" else key, cell]
            for key, cell in cast("dict[str, Parsed]", parsed).items()
        ]
        return Opened(Kind.ENTRIES, _units(digest, entries, by_bytes=False), by_bytes=False)
    tag = tag_of(parsed)
    if tag is None:
        if not isinstance(parsed, list):
            return Opened(Kind.VALUE, [], by_bytes=False)
        items = cast("list[Parsed]", parsed)
        return Opened(Kind.ITEMS, _units(digest, items, by_bytes=False), by_bytes=False)
    kind = _KINDS.get(tag)
    if kind is None:
        raise CorruptBlock(digest_text(digest), "a part of a sequence is no value")
    whole = long_of(digest, parsed)
    by_bytes = kind in (Kind.TEXT, Kind.BYTES)
    parts = _ends(digest, whole.head, whole.middle, 0)
    parts += _units(digest, whole.tail, by_bytes=by_bytes)
    if sum([part.size for part in parts]) != whole.count:
        raise CorruptBlock(digest_text(digest), "wrong count")
    return Opened(kind, parts, by_bytes=by_bytes)


def is_reference(cell: Parsed) -> bool:
    """Whether a parsed cell stands for a block."""
    return isinstance(cell, str) and cell[:2] == "~:"


def _ends(digest: Digest, head: str | None, middle: str | None, level: int) -> list[Part]:
    parts: list[Part] = []
    if head is not None:
        parts.append(_group(digest, head, level))
    if middle is not None:
        parts.append(_group(digest, middle, level + 1))
    return parts


def _group(digest: Digest, cell: Parsed, level: int) -> Part:
    ref = counted_ref(digest, cell)
    return Part(level, ref.digest, ref.count or 0, None)


def _units(digest: Digest, cells: Sequence[Parsed], *, by_bytes: bool) -> list[Part]:
    if by_bytes:
        return [Part(UNIT, cell, counted_ref(digest, cell).count or 0, cell) for cell in cells]
    # Written again, not compared as parsed: 1 == True == 1.0.
    return [
        Part(UNIT, cell if isinstance(cell, str) else orjson.dumps(cell), 1, cell) for cell in cells
    ]


_KINDS = {
    "~l": Kind.ITEMS,
    "~m": Kind.ENTRIES,
    "~d": Kind.ENTRIES,
    "~s": Kind.TEXT,
    "~y": Kind.BYTES,
}
