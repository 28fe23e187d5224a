"""Fields that a newer minor version has and this one does not: taken off, kept, put back. Pure.

What is left over mirrors the record: members of nested records stand under their name, those of
listed ones under the index as text. `join(split(fields)) == fields`.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, cast

import msgspec
from msgspec import inspect

from forkpoint.events.model import RESERVED

Fields = Mapping[str, object]
TAG = "event_type"


def split(fields: Fields, into: type[msgspec.Struct]) -> tuple[dict[str, object], dict[str, Any]]:
    """The fields that a struct has, and all others; members of nested structs likewise."""
    known: dict[str, object] = {}
    beyond: dict[str, Any] = {}
    shape = _shape(into)
    for name, value in fields.items():
        if name != TAG and name not in shape:
            beyond[name] = value
            continue
        known[name], left = _split_value(value, shape.get(name))
        if left:
            beyond[name] = left
    return known, beyond


def join(known: Fields, beyond: Fields) -> dict[str, object]:
    """A record as it was before it was split."""
    whole = dict(known)
    for name, left in beyond.items():
        whole[name] = _joined(whole[name], cast("Fields", left)) if name in whole else left
    return whole


def _split_value(value: object, into: type[msgspec.Struct] | None) -> tuple[object, object]:
    if into is None:
        return value, None
    if isinstance(value, Mapping):
        return split(cast("Fields", value), into)
    if not isinstance(value, list | tuple):
        return value, None
    parts = [_split_value(item, into) for item in cast("list[object]", value)]
    left = {str(index): part[1] for index, part in enumerate(parts) if part[1]}
    return [part[0] for part in parts], left


def _joined(known: object, left: Fields) -> object:
    if isinstance(known, Mapping):
        return join(cast("Fields", known), left)
    return [
        _joined(item, cast("Fields", left[str(index)])) if str(index) in left else item
        for index, item in enumerate(cast("list[object]", known))
    ]


@lru_cache
def _shape(struct: type[msgspec.Struct]) -> Mapping[str, type[msgspec.Struct] | None]:
    """Names on the wire, each with the struct that its value is, or that its items are."""
    told = cast("inspect.StructType", inspect.type_info(struct))
    return {
        field.encode_name: _struct_in(field.type)
        for field in told.fields
        if field.encode_name != RESERVED
    }


def _struct_in(told: inspect.Type) -> type[msgspec.Struct] | None:
    if isinstance(told, inspect.StructType):
        return told.cls
    if isinstance(told, inspect.VarTupleType):
        return _struct_in(told.item_type)
    if isinstance(told, inspect.UnionType):
        return next(filter(None, map(_struct_in, told.types)), None)
    return None
