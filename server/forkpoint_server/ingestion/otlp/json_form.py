"""OTLP JSON read into the protobuf messages: ids are hex there, 64-bit integers numbers or text.

Not `google.protobuf.json_format`: it takes the hex ids for base64 without complaint. Unknown fields
are ignored, as the OTLP specification (JSON Protobuf Encoding) asks.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

import orjson
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

DEEPEST = 200
"""Messages inside each other; protobuf parsers read 100."""
_HEX = {"trace_id": 16, "span_id": 8, "parent_span_id": 8}
_INT_LIMITS = {
    FieldDescriptor.TYPE_INT64: (-(2**63), 2**63 - 1),
    FieldDescriptor.TYPE_FIXED64: (0, 2**64 - 1),
    FieldDescriptor.TYPE_UINT32: (0, 2**32 - 1),
    FieldDescriptor.TYPE_FIXED32: (0, 2**32 - 1),
    FieldDescriptor.TYPE_INT32: (-(2**31), 2**31 - 1),
}


class JsonMistake(ValueError):
    """The JSON is not OTLP; the message names the place and the rule, never the input."""


def read_json_form(body: bytes, message: Message) -> None:
    """Fill an export request from its JSON. Raises `JsonMistake`."""
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise JsonMistake("the body is not JSON") from None
    if not isinstance(value, Mapping):
        raise JsonMistake("an export request is a JSON object")
    _fill(message, cast("Mapping[str, object]", value), "", 0)


def _fill(message: Message, value: Mapping[str, object], path: str, depth: int) -> None:
    if depth > DEEPEST:  # too deep for the parser of spans, which refuses its item alone
        return
    for field in message.DESCRIPTOR.fields:
        name = field.json_name if field.json_name in value else field.name
        given = value.get(name)
        if given is None:
            continue
        where = f"{path}.{name}" if path else name
        if field.message_type is not None:
            _messages(message, field, given, where, depth)
        elif field.is_repeated:
            read = [_scalar(field, each, where) for each in _list(given, where)]
            getattr(message, field.name).extend(read)
        else:
            setattr(message, field.name, _scalar(field, given, where))


def _messages(message: Message, field: Any, given: object, where: str, depth: int) -> None:
    if field.is_repeated:
        into = getattr(message, field.name)
        for each in _list(given, where):
            _fill(into.add(), _object(each, where), where, depth + 1)
    else:
        child = cast("Message", getattr(message, field.name))
        child.SetInParent()
        _fill(child, _object(given, where), where, depth + 1)


def _scalar(field: Any, given: object, where: str) -> object:
    read = _READERS.get(field.type)
    if read is not None:
        return read(field, given, where)
    return _integer(given, where, *_INT_LIMITS[field.type])


def _bytes(field: Any, given: object, where: str) -> bytes:
    """Hex for ids; base64 for values. A wrong length is for the rules of ids to refuse."""
    if not isinstance(given, str):
        raise JsonMistake(f"`{where}` must be text")
    try:
        return bytes.fromhex(given) if field.name in _HEX else base64.b64decode(given + "==")
    except ValueError:
        if field.name in _HEX:
            return b"?"  # no valid id: the span is rejected alone
        raise JsonMistake(f"`{where}` must be base64") from None


def _text(field: Any, given: object, where: str) -> str:
    if not isinstance(given, str):
        raise JsonMistake(f"`{where}` must be text")
    return given


def _boolean(field: Any, given: object, where: str) -> bool:
    if not isinstance(given, bool):
        raise JsonMistake(f"`{where}` must be true or false")
    return given


def _double(field: Any, given: object, where: str) -> float:
    if isinstance(given, bool) or not isinstance(given, int | float | str):
        raise JsonMistake(f"`{where}` must be a number")
    try:
        return float(given)
    except (ValueError, OverflowError):
        raise JsonMistake(f"`{where}` must be a number") from None


def _enum(field: Any, given: object, where: str) -> int:
    if isinstance(given, str) and given in field.enum_type.values_by_name:
        return field.enum_type.values_by_name[given].number
    return _integer(given, where, -(2**31), 2**31 - 1)


def _integer(given: object, where: str, least: int, most: int) -> int:
    if isinstance(given, str) and len(given) <= 20:
        try:
            given = int(given)
        except ValueError:
            given = None
    if isinstance(given, float) and math.isfinite(given) and given.is_integer():
        given = int(given)
    if isinstance(given, bool) or not isinstance(given, int) or not least <= given <= most:
        raise JsonMistake(f"`{where}` must be an integer, as a number or as text")
    return given


def _list(given: object, where: str) -> Sequence[object]:
    if not isinstance(given, list):
        raise JsonMistake(f"`{where}` must be a list")
    return cast("list[object]", given)


def _object(given: object, where: str) -> Mapping[str, object]:
    if not isinstance(given, Mapping):
        raise JsonMistake(f"`{where}` must be an object")
    return cast("Mapping[str, object]", given)


_READERS: dict[int, Callable[[Any, object, str], object]] = {
    FieldDescriptor.TYPE_BYTES: _bytes,
    FieldDescriptor.TYPE_STRING: _text,
    FieldDescriptor.TYPE_BOOL: _boolean,
    FieldDescriptor.TYPE_DOUBLE: _double,
    FieldDescriptor.TYPE_ENUM: _enum,
}
