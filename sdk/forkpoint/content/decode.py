"""Decode: blocks become the value they were, each one checked, within a budget of bytes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from forkpoint.content.blocks import (
    Digest,
    Get,
    Key,
    Value,
    digest_text,
)
from forkpoint.content.bodies import (
    MAX_LEVELS,
    Long,
    Parsed,
    counted_ref,
    group_of,
    is_literal,
    long_of,
    number_of,
    parse,
    plain_ref,
    scalar_of,
    tag_of,
)
from forkpoint.content.encode import encode
from forkpoint.content.errors import CorruptBlock, LimitExceeded
from forkpoint.content.limits import LIMITS, Limits
from forkpoint.content.tree import load_tree


def decode(root: Digest, get: Get, limits: Limits = LIMITS) -> Value:
    """The value of a root: lists for tuples, else what was encoded, under JCS equality.

    Raises `MissingBlock`, `CorruptBlock`, `UnsupportedFormat`, and `LimitExceeded` before
    it expands more than `limits.decode_bytes`.
    """
    return decode_with(root, get, {}, limits)


def decode_with(
    root: Digest, get: Get, blocks: dict[Digest, bytes], limits: Limits = LIMITS
) -> Value:
    """As `decode`; the blocks of the tree are added to `blocks`."""
    found = load_tree(root, get, budget=limits.decode_bytes)
    blocks.update(found)
    return Reader(found, limits).value(root, 1)


def verify(root: Digest, get: Get) -> None:
    """Prove that a tree is what `encode` writes, chunk boundaries too; else `CorruptBlock`."""

    def forget(_digest: Digest, _body: bytes) -> None:
        return

    if encode(decode(root, get), forget) != root:
        raise CorruptBlock(digest_text(root), "not in canonical form")


class Reader:
    """Builds values from loaded blocks; each occurrence of a block is built anew."""

    __slots__ = ("_blocks", "_limits")

    def __init__(self, blocks: Mapping[Digest, bytes], limits: Limits = LIMITS) -> None:
        self._blocks = blocks
        self._limits = limits

    def value(self, digest: Digest, depth: int) -> Value:
        """The value of a block that stands inside `depth - 1` containers."""
        body = self._body(digest)
        parsed = parse(digest, body)
        brackets = body.count(b"[") + body.count(b"{")
        if brackets + depth <= self._limits.depth and is_literal(body):
            return parsed
        tag = tag_of(parsed)
        if tag is not None:
            return self._long(digest, tag, parsed, depth)
        if isinstance(parsed, str) and parsed[:2] == "~:":
            raise _corrupt(digest, "a root is never a reference")
        return self.cell(parsed, depth)

    def cell(self, parsed: Parsed, depth: int) -> Value:
        """The value of a cell that stands inside `depth - 1` containers."""
        if isinstance(parsed, str):
            return self._text(parsed, depth) if parsed[:1] == "~" else parsed
        if type(parsed) is int:
            return number_of(parsed)
        if not isinstance(parsed, list | dict):
            return parsed
        if depth > self._limits.depth:
            raise LimitExceeded("depth", self._limits.depth)
        if isinstance(parsed, dict):
            entries = cast("dict[str, Parsed]", parsed).items()
            return {key: self.cell(item, depth + 1) for key, item in entries}
        if tag_of(parsed) is not None:
            raise CorruptBlock("", "a long sequence stands inside a body")
        return [self.cell(item, depth + 1) for item in cast("list[Parsed]", parsed)]

    def _text(self, text: str, depth: int) -> Value:
        if text[1:2] == ":":
            return self.value(plain_ref(text), depth)
        return scalar_of(text, self._limits.integer_digits)

    def _long(self, digest: Digest, tag: str, parsed: list[Parsed], depth: int) -> Value:
        if tag in ("~g", "~q"):
            raise _corrupt(digest, "a part of a sequence is no value")
        whole = long_of(digest, parsed)
        if tag in ("~s", "~y"):
            return self._joined(digest, whole)
        if depth > self._limits.depth:
            raise LimitExceeded("depth", self._limits.depth)
        if whole.count > self._limits.entries:
            raise LimitExceeded("entries", self._limits.entries)
        units = self.units(digest, whole)
        if len(units) != whole.count:
            raise _corrupt(digest, "wrong count")
        if tag == "~l":
            return [self.cell(unit, depth + 1) for unit in units]
        return self._entries(digest, tag, units, depth + 1)

    def _entries(
        self, digest: Digest, tag: str, units: list[Parsed], depth: int
    ) -> dict[Key, Value]:
        value: dict[Key, Value] = {}
        for unit in units:
            if not isinstance(unit, list) or len(cast("list[Parsed]", unit)) != 2:
                raise _corrupt(digest, "malformed entry")
            key, cell = cast("list[Parsed]", unit)
            key = hashable(self.cell(key, depth), digest)
            if tag == "~m" and not isinstance(key, str):
                raise _corrupt(digest, "malformed key")
            value[key] = self.cell(cell, depth)
        if len(value) != len(units):
            raise _corrupt(digest, "duplicate key")
        return value

    def _joined(self, digest: Digest, whole: Long) -> str | bytes:
        if whole.count > self._limits.string_bytes:
            raise LimitExceeded("string_bytes", self._limits.string_bytes)
        pieces: list[bytes] = []
        for unit in self.units(digest, whole):
            ref = counted_ref(digest, unit)
            piece = self.value(ref.digest, 1)
            if isinstance(piece, str) and whole.tag == "~s":
                piece = piece.encode("utf-8", "surrogatepass")
            if not isinstance(piece, bytes) or len(piece) != ref.count:
                raise _corrupt(digest, "wrong chunk")
            pieces.append(piece)
        raw = b"".join(pieces)
        if len(raw) != whole.count:
            raise _corrupt(digest, "wrong count")
        return raw if whole.tag == "~y" else raw.decode("utf-8", "surrogatepass")

    def _body(self, digest: Digest) -> bytes:
        body = self._blocks.get(digest)
        if body is None:  # its reference was written so that only a JSON parser finds it
            raise _corrupt(digest, "a reference in non-canonical form")
        return body

    def units(self, digest: Digest, whole: Long, level: int = 0) -> list[Parsed]:
        """The level 0 units of a sequence: cells, entries or chunks, counts checked."""
        if level > MAX_LEVELS:
            raise _corrupt(digest, "too many levels")
        by_bytes = whole.tag in ("~s", "~y")
        found: list[Parsed] = []
        if whole.head is not None:
            found += self._group(digest, whole.head, level, by_bytes=by_bytes)
        if whole.middle is not None:
            found += self._middle(digest, whole, level + 1)
        for item in whole.tail:
            if level == 0:
                found.append(item)
            else:
                found += self._group(digest, item, level - 1, by_bytes=by_bytes)
        return found

    def _middle(self, digest: Digest, whole: Long, level: int) -> list[Parsed]:
        ref = counted_ref(digest, whole.middle)
        parsed = parse(ref.digest, self._body(ref.digest))
        by_bytes = whole.tag in ("~s", "~y")
        if tag_of(parsed) != "~q":
            return self._group(digest, whole.middle, level, by_bytes=by_bytes)
        inner = long_of(ref.digest, parsed)
        # The tag of the whole says how its parts are counted.
        named = Long(
            tag=whole.tag,
            count=inner.count,
            head=inner.head,
            middle=inner.middle,
            tail=inner.tail,
        )
        units = self.units(ref.digest, named, level)
        if not _weighs(ref.digest, units, by_bytes=by_bytes) == ref.count == inner.count:
            raise _corrupt(ref.digest, "wrong count")
        return units

    def _group(self, digest: Digest, cell: Parsed, level: int, *, by_bytes: bool) -> list[Parsed]:
        ref = counted_ref(digest, cell)
        units = group_of(ref.digest, parse(ref.digest, self._body(ref.digest)))
        if level > 0:
            units = [
                unit
                for item in units
                for unit in self._group(ref.digest, item, level - 1, by_bytes=by_bytes)
            ]
        if _weighs(ref.digest, units, by_bytes=by_bytes) != ref.count:
            raise _corrupt(ref.digest, "wrong count")
        return units


def _weighs(digest: Digest, units: list[Parsed], *, by_bytes: bool) -> int:
    if not by_bytes:
        return len(units)
    return sum([counted_ref(digest, unit).count or 0 for unit in units])


def hashable(value: Value, digest: Digest) -> Key:
    """A decoded value as a dict key, tuples for lists; `digest` names its block."""
    if isinstance(value, dict):
        raise _corrupt(digest, "a dict is no key")
    if isinstance(value, list | tuple):
        return tuple([hashable(item, digest) for item in value])
    return value


def _corrupt(digest: Digest, why: str) -> CorruptBlock:
    return CorruptBlock(digest_text(digest), why)
