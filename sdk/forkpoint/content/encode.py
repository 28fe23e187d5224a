"""Encode: a value becomes immutable blocks, bottom-up, and the digest of its root body."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from typing import cast

import orjson

from forkpoint.content.blocks import (
    INLINE_BYTES,
    LONG_TAGS,
    Digest,
    Key,
    Sink,
    Value,
    counted_reference,
    digest_of,
    holds_reference,
    reference,
)
from forkpoint.content.chunking import CELL_WEIGHT, CHUNK_WEIGHT
from forkpoint.content.chunking import Sequence as Chunked
from forkpoint.content.errors import LimitExceeded, NotEncodable
from forkpoint.content.keys import key_cell, object_keys, utf8_of
from forkpoint.content.limits import BODY_BYTES, LIMITS, Limits
from forkpoint.content.lines import PIECE_BYTES, TEXT_BYTES, Lines
from forkpoint.events.canonical import SAFE_INTEGER, key_bytes, number_bytes

OBJECT_WEIGHT = 32_768
"""A dict of at most this weight is a plain object."""
_OBJECT_SURE = 16
"""So many entries are below `OBJECT_WEIGHT` whatever they hold (962 of key, 1024 of cell)."""
_TEXT_SURE = TEXT_BYTES // 4
_TILDE = ord("~")


def encode(value: Value, sink: Sink, limits: Limits = LIMITS) -> Digest:
    """Write a value as blocks; equal values have equal roots, however they came about.

    Raises `NotEncodable` for types outside the value model and `LimitExceeded`. Blocks that went
    to the sink before an error are valid, only unused.
    """
    writer = Writer(sink, limits)
    return writer.put(writer.body(value, 1))


class Writer:
    """Bodies and cells of values, and of parts that are cells already."""

    __slots__ = ("_left", "_sink", "limits")

    def __init__(self, sink: Sink, limits: Limits = LIMITS) -> None:
        self._sink = sink
        self.limits = limits
        self._left = limits.snapshot_bytes

    def put(self, body: bytes) -> Digest:
        """Send a block to the sink."""
        self._left -= len(body)
        if self._left < 0:
            raise LimitExceeded("snapshot_bytes", self.limits.snapshot_bytes)
        digest = digest_of(body)
        self._sink(digest, body)
        return digest

    def renew(self) -> None:
        """Begin another value: its bytes are counted from zero."""
        self._left = self.limits.snapshot_bytes

    def cell_of(self, body: bytes) -> bytes:
        """How a body stands inside its parent: itself, or a reference to its block."""
        if len(body) <= INLINE_BYTES and not (body[:3] == b'["~' and body.startswith(LONG_TAGS)):
            return body
        return reference(self.put(body))

    def cell(self, value: Value, depth: int) -> bytes:
        """The cell of a value that stands inside `depth - 1` containers."""
        return self.cell_of(self.body(value, depth))

    def body(self, value: Value, depth: int) -> bytes:
        """The body of a value that stands inside `depth - 1` containers."""
        kind = type(value)
        if kind is str:
            return self.string_body(cast("str", value))
        if kind is dict:
            return self._dict_body(cast("dict[Key, Value]", value), depth)
        if kind is list or kind is tuple:
            return self._list_body(cast("list[Value]", value), depth)
        if kind is int:
            return self._integer_body(cast("int", value))
        if value is None:
            return b"null"
        if kind is bool:
            return b"true" if value else b"false"
        return self._other_body(value, depth)

    def string_body(self, text: str) -> bytes:
        """The body of a string: itself, or its chunks when it is long."""
        if len(text) > _TEXT_SURE:
            if len(text) > self.limits.string_bytes:
                raise LimitExceeded("string_bytes", self.limits.string_bytes)
            raw = utf8_of(text)
            if raw is not None and len(raw) > TEXT_BYTES:
                return self._text_body(raw)
        try:
            body = orjson.dumps(text)
        except orjson.JSONEncodeError:
            return self._surrogate_body(text)
        # A literal that starts with a tilde would read as a tag.
        return b'"~' + body[1:] if body[1] == _TILDE else body

    def object_body(self, entries: Sequence[tuple[bytes, bytes]]) -> bytes:
        """A dict of string keys, from `("key":, cell)` in key order."""
        if len(entries) > _OBJECT_SURE:
            weight = sum(
                [
                    len(key) - 1 + (CELL_WEIGHT if holds_reference(cell) else len(cell))
                    for key, cell in entries
                ]
            )
            if weight > OBJECT_WEIGHT:
                cells = [b"[%s,%s]" % (key_cell(key), cell) for key, cell in entries]
                return self._sequence_body(cells, b"m")
        return b"{" + b",".join([key + cell for key, cell in entries]) + b"}"

    def dict_body(self, cells: Mapping[Key, bytes]) -> bytes:
        """A dict, from its keys and the cells of its values."""
        keys = object_keys(cells)
        if keys is None:
            return self.pairs_body([(self.cell(key, 1), cell) for key, cell in cells.items()])
        return self.object_body([(key_bytes(key), cells[key]) for key in keys])

    def pairs_body(self, pairs: Sequence[tuple[bytes, bytes]]) -> bytes:
        """A dict with other keys, from `(key cell, cell)` in any order."""
        return self._sequence_body(sorted([b"[%s,%s]" % pair for pair in pairs]), b"d")

    def list_body(self, cells: Sequence[bytes]) -> bytes:
        """A list, from the cells of its items."""
        if len(cells) <= 4:  # four references weigh no more than a plain array may
            return b"[" + b",".join(cells) + b"]"
        return self._sequence_body(cells, None)

    def _sequence_body(self, cells: Sequence[bytes], tag: bytes | None) -> bytes:
        sequence = Chunked(self.put)
        sequence.extend(cells)
        return sequence.body(tag)

    def _list_body(self, value: Sequence[Value], depth: int) -> bytes:
        self._check(len(value), depth)
        cell = self.cell
        depth += 1
        return self.list_body([cell(item, depth) for item in value])

    def _dict_body(self, value: dict[Key, Value], depth: int) -> bytes:
        self._check(len(value), depth)
        keys = object_keys(value)
        cell = self.cell
        depth += 1
        if keys is None:
            return self.pairs_body(
                [(cell(key, depth), cell(item, depth)) for key, item in value.items()]
            )
        return self.object_body([(key_bytes(key), cell(value[key], depth)) for key in keys])

    def _check(self, entries: int, depth: int) -> None:
        if depth > self.limits.depth:
            raise LimitExceeded("depth", self.limits.depth)
        if entries > self.limits.entries:
            raise LimitExceeded("entries", self.limits.entries)

    def _integer_body(self, value: int) -> bytes:
        if -SAFE_INTEGER <= value <= SAFE_INTEGER:
            return b"%d" % value
        # 10^k has more than 3.32 k bits; str() of a larger integer would be refused or slow.
        if value.bit_length() > self.limits.integer_digits * 10 // 3:
            raise LimitExceeded("integer_digits", self.limits.integer_digits)
        return b'"~i%d"' % value

    def _other_body(self, value: object, depth: int) -> bytes:
        if isinstance(value, float):
            return float_body(value)
        if isinstance(value, bytes | bytearray):
            return self.bytes_body(bytes(value))
        for kind in (str, int, list, tuple, dict):
            if isinstance(value, kind):  # a subclass: its plain content counts
                return self.body(_PLAIN[kind](value), depth)
        raise NotEncodable(type(value).__name__)

    def bytes_body(self, value: bytes) -> bytes:
        """The body of a bytes value: one string, or its pieces."""
        if len(value) > self.limits.string_bytes:
            raise LimitExceeded("string_bytes", self.limits.string_bytes)
        if len(value) <= PIECE_BYTES:
            return b'"~b%s"' % b64encode(value)
        sequence = Chunked(self.put, unit=CHUNK_WEIGHT)
        for start in range(0, len(value), PIECE_BYTES):
            piece = value[start : start + PIECE_BYTES]
            digest = self.put(b'"~b%s"' % b64encode(piece))
            sequence.push(counted_reference(digest, len(piece)), len(piece))
        return sequence.body(b"y")

    def _text_body(self, raw: bytes) -> bytes:
        if len(raw) > self.limits.string_bytes:
            raise LimitExceeded("string_bytes", self.limits.string_bytes)
        sequence = Chunked(self.put, unit=CHUNK_WEIGHT)
        lines = Lines(chunk_sink(self, sequence))
        lines.feed(raw)
        lines.finish()
        return sequence.body(b"s")

    def _surrogate_body(self, text: str) -> bytes:
        body = b'"~u%s"' % b64encode(text.encode("utf-8", "surrogatepass"))
        if len(body) > BODY_BYTES:  # never chunked, and no store takes a larger block
            raise LimitExceeded("body_bytes", BODY_BYTES)
        return body


def chunk_sink(writer: Writer, sequence: Chunked) -> Callable[[bytes], None]:
    """What takes the groups of lines of a long text: each is a string block of its own."""

    def take(raw: bytes) -> None:
        body = orjson.dumps(raw.decode())
        digest = writer.put(b'"~' + body[1:] if body[1] == _TILDE else body)
        sequence.push(counted_reference(digest, len(raw)), len(raw))

    return take


def float_body(value: float) -> bytes:
    """The body of a float; what JSON cannot say is tagged."""
    if value - value == 0:
        return number_bytes(value)
    if value != value:
        return b'"~fNaN"'
    return b'"~fInfinity"' if value > 0 else b'"~f-Infinity"'


def _plain_text(value: str) -> str:
    return str.__str__(value)


def _plain_integer(value: int) -> int:
    return int.__index__(value)


_PLAIN: dict[type, Callable[..., Value]] = {
    str: _plain_text,
    int: _plain_integer,
    list: list,
    tuple: list,
    dict: dict,
}
