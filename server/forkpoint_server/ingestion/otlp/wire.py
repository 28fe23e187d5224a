"""The outer layers of OTLP protobuf by hand: where each span or record lies in a request.

A message is parsed by the protobuf library; its bytes are needed as they came, to be staged, and
writing a parsed span again costs more than all the rest. So the frames around it are walked here
(protobuf encoding guide: tag = field number << 3 | wire type; type 2 is length-delimited), and
nothing is copied until the bytes of a run are put together.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeAlias

_ITEMS_TAG, _SHARED_TAG = 0x12, 0x0A
"""Field 2 (scope spans in a resource, spans in a scope) and field 1 (the resource, the scope)."""
Frame: TypeAlias = tuple[int, int]
"""Where an encoded message begins and ends in its body."""


class Malformed(ValueError):
    """The bytes are no protobuf message of this shape."""


def groups(body: bytes) -> Iterator[tuple[bytes, bytes, list[Frame]]]:
    """(resource, scope, items) of each scope of an export request, in the order of the bytes.

    Resource and scope are encoded messages, empty where absent; items are where encoded spans or
    records lie.
    """
    for tag, begin, end in _fields(body, 0, len(body)):
        if tag == _SHARED_TAG:
            resource, scopes = _shared(body, begin, end)
            for scope_begin, scope_end in scopes:
                scope, items = _shared(body, scope_begin, scope_end)
                yield resource, scope, items


def field_of(body: bytes, wanted: int) -> bytes:
    """The last field with this tag byte in an encoded message; empty if there is none."""
    found = b""
    for tag, begin, end in _fields(body, 0, len(body)):
        if tag == wanted:
            found = body[begin:end]
    return found


def joined(resource: bytes, scope: bytes, items: Sequence[memoryview]) -> list[bytes | memoryview]:
    """One `resource_spans` (or `resource_logs`) field that holds these items, in pieces."""
    pieces: list[bytes | memoryview] = [_head(_SHARED_TAG, len(scope)), scope] if scope else []
    for item in items:
        pieces += (_head(_ITEMS_TAG, len(item)), item)
    inner = sum(map(len, pieces))
    outer = [_head(_SHARED_TAG, len(resource)), resource] if resource else []
    head = _head(_ITEMS_TAG, inner)
    whole = sum(map(len, outer)) + len(head) + inner
    return [_head(_SHARED_TAG, whole), *outer, head, *pieces]


def _shared(body: bytes, begin: int, end: int) -> tuple[bytes, list[Frame]]:
    shared, items = b"", list[Frame]()
    for tag, first, last in _fields(body, begin, end):
        if tag == _ITEMS_TAG:
            items.append((first, last))
        elif tag == _SHARED_TAG:
            shared = body[first:last]
    return shared, items


def _head(tag: int, size: int) -> bytes:
    if size < 0x80:
        return bytes((tag, size))
    head = bytearray((tag,))
    while size > 0x7F:
        head.append(size & 0x7F | 0x80)
        size >>= 7
    head.append(size)
    return bytes(head)


def _fields(body: bytes, at: int, end: int) -> Iterator[tuple[int, int, int]]:
    """(tag, begin, end) of all length-delimited fields; others are passed over."""
    while at < end:
        tag, at = _varint(body, at, end)
        kind = tag & 7
        if kind == 2:
            size, at = _varint(body, at, end)
            if at + size > end:
                raise Malformed("a field is longer than its message")
            yield tag, at, at + size
            at += size
        elif kind == 0:
            _, at = _varint(body, at, end)
        elif kind in (1, 5):
            at += 8 if kind == 1 else 4
        else:
            raise Malformed("groups are not part of OTLP")


def _varint(body: bytes, at: int, end: int) -> tuple[int, int]:
    value = shift = 0
    while at < end and shift < 64:
        byte = body[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
    raise Malformed("a number is cut short")
