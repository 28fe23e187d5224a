"""The outer layers of OTLP protobuf by hand: where each span or record lies in a request.

A message is parsed by the protobuf library; its bytes are needed as they came, to be staged, and
writing a parsed span again costs more than all the rest. So the frames around it are walked here
(protobuf encoding guide: tag = field number << 3 | wire type; type 2 is length-delimited).
"""

from __future__ import annotations

from collections.abc import Iterator

_ITEMS_TAG, _SHARED_TAG = 0x12, 0x0A
"""Field 2 (scope spans in a resource, spans in a scope) and field 1 (the resource, the scope)."""


class Malformed(ValueError):
    """The bytes are no protobuf message of this shape."""


def groups(body: bytes) -> Iterator[tuple[bytes, bytes, list[bytes]]]:
    """(resource, scope, items) of each scope of an export request, in the order of the bytes.

    Resource and scope are encoded messages, empty where absent; items are encoded spans or records.
    """
    view = memoryview(body)
    for resource_group in _fields(view, _SHARED_TAG):
        resource = _last(resource_group, _SHARED_TAG)
        for scope_group in _fields(resource_group, _ITEMS_TAG):
            scope = _last(scope_group, _SHARED_TAG)
            yield resource, scope, [bytes(item) for item in _fields(scope_group, _ITEMS_TAG)]


def joined(resource: bytes, scope: bytes, items: list[bytes]) -> bytes:
    """One `resource_spans` (or `resource_logs`) field that holds these items: the reverse."""
    inner = [_field(_SHARED_TAG, scope)] if scope else []
    inner += [_field(_ITEMS_TAG, item) for item in items]
    outer = _field(_SHARED_TAG, resource) if resource else b""
    return _field(_SHARED_TAG, outer + _field(_ITEMS_TAG, b"".join(inner)))


def _field(tag: int, body: bytes) -> bytes:
    head = bytearray((tag,))
    size = len(body)
    while size > 0x7F:
        head.append(size & 0x7F | 0x80)
        size >>= 7
    head.append(size)
    return bytes(head) + body


def _last(view: memoryview, tag: int) -> bytes:
    found = b""
    for body in _fields(view, tag):
        found = bytes(body)
    return found


def _fields(view: memoryview, wanted: int) -> Iterator[memoryview]:
    """The bodies of all fields with this tag byte; others are passed over."""
    at, end = 0, len(view)
    while at < end:
        tag, at = _varint(view, at)
        kind = tag & 7
        if kind == 2:
            size, at = _varint(view, at)
            if at + size > end:
                raise Malformed("a field is longer than its message")
            if tag == wanted:
                yield view[at : at + size]
            at += size
        elif kind == 0:
            _, at = _varint(view, at)
        elif kind in (1, 5):
            at += 8 if kind == 1 else 4
        else:
            raise Malformed("groups are not part of OTLP")


def _varint(view: memoryview, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        if at >= len(view) or shift > 63:
            raise Malformed("a number is cut short")
        byte = view[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
