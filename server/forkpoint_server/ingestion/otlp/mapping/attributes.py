"""The attributes of a span: plain values by name, flattened lists put together, and what was read.

A flattened list (`llm.input_messages.0.message.role`) is grouped by index in a dict and sorted by
number, so `10` comes after `2`, holes close, and no index makes us allocate anything.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any, cast

from forkpoint_server.ingestion.otlp.mapping.memo import Memo

DEPTH = 64
"""Levels of a value that are read; below, null stands."""
_INDEXED = re.compile(r"([^.]+(?:\.[^.\d][^.]*)*)\.(\d{1,5})(?:\.(.+))?\Z")
"""`<prefix>.<index>[.<rest>]`; indices over 99,999 are not read as such and stay as they are."""


def plain(pairs: Iterable[Any], depth: int = 0) -> dict[str, object]:
    """KeyValues as a dict; of a key given twice the first stays."""
    found: dict[str, object] = {}
    for pair in pairs:
        found.setdefault(pair.key, value_of(pair.value, depth))
    return found


def value_of(value: Any, depth: int = 0) -> object:
    """An AnyValue as a plain value; null for none, and for references into string tables."""
    kind = value.WhichOneof("value")
    if kind == "array_value":
        if depth >= DEPTH:
            return None
        return [value_of(each, depth + 1) for each in value.array_value.values]
    if kind == "kvlist_value":
        return None if depth >= DEPTH else plain(value.kvlist_value.values, depth + 1)
    if kind is None or kind == "string_value_strindex":
        return None
    return getattr(value, kind)


class Attributes(Mapping[str, object]):
    """Attributes that remember which of them went into a field; the others are kept verbatim."""

    def __init__(self, values: Mapping[str, object], memo: Memo | None = None) -> None:
        self.memo = memo or Memo()
        self._values = values
        self._read: set[str] = set()
        self._lists: dict[str, dict[int, dict[str, str]]] = {}
        for key in values:
            found = _split(key)
            if found is not None:
                prefix, index, rest = found
                items = self._lists.get(prefix)
                if items is None:
                    items = self._lists[prefix] = {}
                keys = items.get(index)
                if keys is None:
                    keys = items[index] = {}
                keys[rest] = key

    def __getitem__(self, key: str) -> object:
        return self._values[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def first(self, *names: str) -> object:
        """The first of these that has a value; None if none has."""
        found = None
        for name in names:
            value = self._values.get(name)
            if value is not None and value != "":
                self._read.add(name)
                found = value if found is None else found
        return found

    def has_any(self, names: Collection[str]) -> bool:
        """Whether one of these names is there at all."""
        return not self._values.keys().isdisjoint(names)

    def text(self, *names: str) -> str | None:
        """As `first`, for text."""
        value = self.first(*names)
        if value is None or isinstance(value, str):
            return value
        return str(value) if isinstance(value, int | float) else None

    def count(self, *names: str) -> int | None:
        """As `first`, for a number of things; what is no number, or negative, is none."""
        value = self.first(*names)
        if isinstance(value, str) and value.isdecimal() and len(value) < 19:
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int | float):
            return None
        return int(value) if 0 <= value < 2**62 else None

    def listed(self, prefix: str) -> list[object]:
        """A flattened list in order; each item a nested value. Empty if there is none."""
        found = self._lists.get(prefix, {})
        for keys in found.values():
            self._read.update(keys.values())
        return [
            self.memo.nested(
                {rest: self._values[key] for rest, key in found[index].items()}, _nested
            )
            for index in sorted(found)
        ]

    def below(self, prefix: str) -> dict[str, object]:
        """What stands under a prefix, by the rest of the name."""
        start = prefix + "."
        found = {key: value for key, value in self._values.items() if key.startswith(start)}
        self._read.update(found)
        return {key.removeprefix(start): value for key, value in found.items()}

    def read(self, *names: str) -> None:
        """Count these as read."""
        self._read.update(names)

    def rest(self) -> dict[str, object]:
        """What went into no field, verbatim."""
        return {key: value for key, value in self._values.items() if key not in self._read}


@lru_cache(maxsize=65_536)
def _split(key: str) -> tuple[str, int, str] | None:
    """Prefix, index and the rest of a key of a flattened list; the same keys come often."""
    match = _INDEXED.match(key)
    return None if match is None else (match[1], int(match[2]), match[3] or "")


def _nested(values: Mapping[str, object]) -> object:
    """Dotted names as nested dicts, and dicts of numbers as lists."""
    if "" in values:
        return values[""]
    root: dict[str, object] = {}
    for name, value in values.items():
        at = root
        *front, last = name.split(".")[:DEPTH]
        for word in front:
            below = at.get(word)
            if not isinstance(below, dict):
                below = at[word] = {}
            at = cast("dict[str, object]", below)
        at[last] = value
    return _listed(root)


def _listed(value: object) -> object:
    if not isinstance(value, dict):
        return value
    entries = cast("dict[str, object]", value)
    if entries and all(key.isdecimal() and len(key) <= 5 for key in entries):
        return [_listed(entries[key]) for key in sorted(entries, key=int)]
    return {key: _listed(each) for key, each in entries.items()}
