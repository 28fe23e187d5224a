"""Shapes: what JCS equality forgets of a value, so that a replayed output prints the same text.

A shape is itself a content value, kept beside a root and never part of a signature. Fields: `k` key
orders, one per key set; `x` the orders of single dicts that differ from those, by pointer; `f`
patterns at which every number is a float; `g` pointers of other integral floats; `z` of -0.0.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import copysign
from typing import TypeAlias, cast

from forkpoint.content.blocks import Digest, Key, Value
from forkpoint.content.encode import Writer
from forkpoint.content.errors import CorruptBlock, LimitExceeded
from forkpoint.content.keys import object_keys
from forkpoint.content.limits import LIMITS
from forkpoint.content.pointer import token
from forkpoint.events.canonical import SAFE_INTEGER

KeySet: TypeAlias = frozenset[bytes]
Order: TypeAlias = tuple[bytes, ...]

_FLOAT = "float"


def shape(value: Value) -> Value | None:
    """What `restore` needs beside the decoded value to give exactly this one, or None."""
    seen = _Seen()
    seen.visit(value, "", "")
    return seen.shape()


def restore(value: Value, shape: Value | None) -> Value:
    """A decoded value as it was before encoding: key order, floats and signs of zero included.

    Raises `CorruptBlock` for a shape that is none, or is that of another value.
    """
    if shape is None:
        return value
    try:
        return _Restored(cast("Mapping[str, Value]", shape)).value(value, "", "")
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as why:
        raise CorruptBlock("", "a shape that does not fit its value") from why


class _Seen:
    """One pass over a value: the orders of its dicts, its numbers by pattern."""

    def __init__(self) -> None:
        self.orders: dict[KeySet, Order] = {}
        self.named: dict[Order, list[Value]] = {}
        self.kept: dict[KeySet, list[Value]] = {}
        self.single: dict[str, list[Value]] = {}
        self.mixed: set[str] = set()
        self.integral: dict[str, list[str]] = {}
        self.zeros: list[str] = []

    def visit(self, value: Value, path: str, pattern: str, depth: int = 1) -> None:
        if isinstance(value, dict | list | tuple):
            if depth > LIMITS.depth:
                raise LimitExceeded("depth", LIMITS.depth)
            self._container(value, path, pattern, depth + 1)
        elif isinstance(value, float):
            self._float(value, path, pattern)
        elif isinstance(value, int) and not isinstance(value, bool):
            self.mixed.add(pattern)

    def _container(
        self,
        value: dict[Key, Value] | list[Value] | tuple[Value, ...],
        path: str,
        pattern: str,
        depth: int,
    ) -> None:
        if isinstance(value, dict):
            self._order(value, path)
            for key, item in value.items():
                step = "/" + token(key)
                self.visit(item, path + step, pattern + step, depth)
        else:
            for index, item in enumerate(value):
                self.visit(item, f"{path}/{index}", pattern + "/*", depth)

    def shape(self) -> Value | None:
        every = [pattern for pattern in self.integral if pattern not in self.mixed]
        others = [
            path
            for pattern, paths in self.integral.items()
            if pattern in self.mixed
            for path in paths
        ]
        fields = {
            "k": list(self.kept.values()),
            "x": self.single,
            "f": every,
            "g": others,
            "z": self.zeros,
        }
        # A cast: list[str] is a Value, but lists are invariant.
        return cast("Value", {name: field for name, field in fields.items() if field} or None)

    def _float(self, value: float, path: str, pattern: str) -> None:
        if value == 0 and copysign(1, value) < 0:
            self.zeros.append(path)
        elif abs(value) <= SAFE_INTEGER and value.is_integer():
            self.integral.setdefault(pattern, []).append(path)

    def _order(self, value: dict[Key, Value], path: str) -> None:
        given = order_of(value)
        if len(given) < 2 and not _has_float_key(value):
            return
        keys = frozenset(given)
        first = self.orders.get(keys)
        if first is None:
            first = self.orders[keys] = given
            if given != canonical_order(value):
                self.kept[keys] = [_written(key) for key in value]
        if given != first or _has_float_key(value):
            self.single[path] = [_written(key) for key in value]


class _Restored:
    """Rebuilds a value by the fields of its shape."""

    def __init__(self, fields: Mapping[str, Value]) -> None:
        orders = cast("Sequence[list[Value]]", fields.get("k", []))
        single = cast("Mapping[str, list[Value]]", fields.get("x", {}))
        self._orders = {frozenset(map(_cell, keys)): keys for keys in map(_read_all, orders)}
        self._single = {path: _read_all(keys) for path, keys in single.items()}
        self._floats = frozenset(cast("list[str]", fields.get("f", [])))
        self._others = frozenset(cast("list[str]", fields.get("g", [])))
        self._zeros = frozenset(cast("list[str]", fields.get("z", [])))

    def value(self, value: Value, path: str, pattern: str) -> Value:
        if isinstance(value, bool):
            return value
        if isinstance(value, int):
            if path in self._zeros:
                return -0.0
            return float(value) if pattern in self._floats or path in self._others else value
        if isinstance(value, dict):
            return self._dict(cast("dict[Key, Value]", value), path, pattern)
        if isinstance(value, list | tuple):
            items = cast("Sequence[Value]", value)
            return [self.value(item, f"{path}/{i}", pattern + "/*") for i, item in enumerate(items)]
        return value

    def _dict(self, value: dict[Key, Value], path: str, pattern: str) -> dict[Key, Value]:
        keys = self._single.get(path)
        if keys is None and self._orders:
            keys = self._orders.get(frozenset(order_of(value)))
        if keys is None:
            pairs = list(value.items())
        else:
            found: dict[bytes, list[Value]] = {}
            for key, item in value.items():
                found.setdefault(_cell(key), []).append(item)
            pairs = [(key, found[_cell(key)].pop(0)) for key in keys]
            if len(pairs) != len(value):
                raise KeyError(path)
        restored: dict[Key, Value] = {}
        for key, item in pairs:
            step = "/" + token(key)
            restored[key] = self.value(item, path + step, pattern + step)
        return restored


def order_of(value: Mapping[Key, Value]) -> Order:
    """The keys of a dict as given, each as its cell."""
    return tuple(map(_cell, value))


def canonical_order(value: dict[Key, Value]) -> Order:
    """The keys of a dict in the order in which it decodes."""
    keys = object_keys(value)
    if keys is not None:
        return tuple(map(_cell, keys))
    return tuple(sorted(map(_cell, value)))


def _cell(key: Key) -> bytes:
    found = _cells.get(key) if type(key) is str else None
    if found is None:
        found = Writer(_forget).cell(key, 1)
        if type(key) is str and len(_cells) < 4096:
            _cells[key] = found
    return found


def _forget(_digest: Digest, _body: bytes) -> None:
    return


def _has_float_key(value: Mapping[Key, Value]) -> bool:
    return any(isinstance(key, float | tuple) for key in value)


def _written(key: Key) -> Value:
    """A key inside a shape: a float stands in a dict, which no key is, with its exact text."""
    if isinstance(key, float):
        return {_FLOAT: repr(key)}
    return [_written(item) for item in key] if isinstance(key, tuple) else key


def _read_all(keys: list[Value]) -> list[Key]:
    return [_read(key) for key in keys]


def _read(key: Value) -> Key:
    if isinstance(key, dict):
        return float(cast("str", key[_FLOAT]))
    return tuple([_read(item) for item in key]) if isinstance(key, list | tuple) else key


_cells: dict[str, bytes] = {}
