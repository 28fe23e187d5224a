"""Snapshots: a value as bytes nothing can change later, taken in the caller's thread (MessagePack).

Keeps what JSON would lose: NaN, bytes, `1.0`, key order, keys of any type.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, ItemsView, KeysView, Mapping, ValuesView
from dataclasses import fields, is_dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from pathlib import PurePath
from typing import Any, cast
from uuid import UUID

import ormsgpack

from forkpoint.content.blocks import Digest, Key, Value
from forkpoint.content.encode import Writer
from forkpoint.content.errors import CorruptBlock, LimitExceeded, NotEncodable
from forkpoint.content.limits import LIMITS, Limits

OPTIONS = (
    ormsgpack.OPT_NON_STR_KEYS
    | ormsgpack.OPT_PASSTHROUGH_BIG_INT
    | ormsgpack.OPT_PASSTHROUGH_DATACLASS
    | ormsgpack.OPT_PASSTHROUGH_DATETIME
    | ormsgpack.OPT_PASSTHROUGH_ENUM
    | ormsgpack.OPT_PASSTHROUGH_UUID
)
"""How values are packed; what they leave over goes through `plain`."""
_INTEGER, _TEXT, _PAIRS = 1, 2, 3
"""Extension types: an integer beyond 64 bits, text with lone surrogates, a dict of odd keys."""
_TEXTUAL = (UUID, Decimal, PurePath)
_LISTED = (tuple, deque, range, KeysView, ValuesView, ItemsView)


def snapshot(value: object, limits: Limits = LIMITS) -> bytes:
    """The value as it is now; sets, models, dataclasses, times and enums become plain values.

    Raises `NotEncodable` for a type nothing is known about, and `LimitExceeded`.
    """
    try:
        data = ormsgpack.packb(value, plain, OPTIONS)
    except TypeError:  # a lone surrogate, an odd key, an unknown type, too deep: look closer
        data = _packed(_copy(value, 1, limits))
    if len(data) > limits.snapshot_bytes:
        raise LimitExceeded("snapshot_bytes", limits.snapshot_bytes)
    return data


def restore_snapshot(data: bytes) -> Value:
    """The value of a snapshot, lists for tuples."""
    return ormsgpack.unpackb(data, ext_hook=_extension, option=ormsgpack.OPT_NON_STR_KEYS)


def _packed(value: object) -> bytes:
    return ormsgpack.packb(value, None, OPTIONS)


def plain(value: Any) -> object:
    """One step from a foreign type towards the value model."""
    if isinstance(value, int) and not isinstance(value, Enum):
        return ormsgpack.Ext(_INTEGER, _decimal(value))
    dump = getattr(value, "model_dump", None)
    if dump is not None and not isinstance(value, type):
        # pydantic warns about values that left their annotated type; the host did not ask us to.
        return dump(warnings=False) if hasattr(value, "__pydantic_serializer__") else dump()
    if isinstance(value, set | frozenset):
        return sorted(cast("set[object]", value), key=_canonical)
    for kind, convert in _CONVERSIONS:
        if isinstance(value, kind):
            return convert(value)
    return _record(value)


def _record(value: Any) -> object:
    if isinstance(value, type):
        raise NotEncodable(f"type[{value.__qualname__}]")
    if is_dataclass(value):
        return {field.name: getattr(value, field.name) for field in fields(value)}
    if type(value).__module__.partition(".")[0] == "numpy":
        return value.tolist()
    for listing in ("__struct_fields__", "__attrs_attrs__"):  # msgspec, attrs
        names = getattr(value, listing, None)
        if names is not None:
            return {name: getattr(value, name) for name in _names(names)}
    raise NotEncodable(type(value).__qualname__)


def _names(listed: Any) -> list[str]:
    return [name if isinstance(name, str) else name.name for name in listed]


def _canonical(value: object) -> bytes:
    """The order of set members: that of their bodies, the same in every process."""
    return Writer(_forget).body(restore_snapshot(snapshot(value)), 1)


def _forget(_digest: Digest, _body: bytes) -> None:
    return


def _decimal(value: int) -> bytes:
    if value.bit_length() > LIMITS.integer_digits * 10 // 3:
        raise LimitExceeded("integer_digits", LIMITS.integer_digits)
    return b"%d" % value


def _copy(value: object, depth: int, limits: Limits) -> object:
    """The slower way: a copy in which ormsgpack refuses nothing, or the exact reason why not."""
    kind = type(value)
    if value is None or kind is bool or kind is float or kind is bytes:
        return value
    if isinstance(value, str) and not isinstance(value, Enum):
        return _text(value)
    if kind is int:
        number = cast("int", value)
        return number if number.bit_length() < 64 else ormsgpack.Ext(_INTEGER, _decimal(number))
    if depth > limits.depth:
        raise LimitExceeded("depth", limits.depth)
    if isinstance(value, dict):
        return _copied_dict(cast("dict[object, object]", value), depth, limits)
    if isinstance(value, list | tuple):
        items = cast("list[object]", value)
        return [_copy(item, depth + 1, limits) for item in list(items)]
    if isinstance(value, bytearray | memoryview):
        return bytes(cast("bytearray", value))
    return _step(value, depth, limits)


def _step(value: object, depth: int, limits: Limits) -> object:
    simpler = plain(value)
    return simpler if isinstance(simpler, ormsgpack.Ext) else _copy(simpler, depth + 1, limits)


def _text(value: str) -> object:
    try:
        value.encode()
    except UnicodeEncodeError:
        return ormsgpack.Ext(_TEXT, value.encode("utf-8", "surrogatepass"))
    return str.__str__(value)


def _copied_dict(value: dict[object, object], depth: int, limits: Limits) -> object:
    pairs = [
        (_copy(key, depth + 1, limits), _copy(item, depth + 1, limits))
        for key, item in list(value.items())
    ]
    if any(isinstance(key, ormsgpack.Ext | list) for key, _ in pairs):
        return ormsgpack.Ext(_PAIRS, _packed(pairs))
    return dict(pairs)


def _extension(tag: int, data: bytes) -> Value:
    if tag == _INTEGER:
        return int(data)
    if tag == _TEXT:
        return data.decode("utf-8", "surrogatepass")
    if tag == _PAIRS:
        pairs = cast("list[tuple[Key, Value]]", restore_snapshot(data))
        return {_hashable(key): item for key, item in pairs}
    raise CorruptBlock("", f"unknown extension {tag} in a snapshot")


def _hashable(key: Value) -> Key:
    if isinstance(key, list | tuple):
        return tuple([_hashable(part) for part in key])
    return cast("Key", key)


def _member(value: Enum) -> object:
    return value.value


_CONVERSIONS: tuple[tuple[Any, Callable[[Any], object]], ...] = (
    (Enum, _member),
    ((datetime, date, time), lambda value: value.isoformat()),
    (timedelta, timedelta.total_seconds),
    (_TEXTUAL, str),
    (Mapping, dict),
    (_LISTED, list),
)
