"""What was read already in this run: a conversation is sent again with each of its calls.

Keys are contents, so equal messages are read once and are then the same object; the memo keeps
them alive, so their ids can be remembered too. It lives as long as one reading of one run.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from typing import cast

import ormsgpack

_MOST = 20_000
"""Values remembered; a longer run forgets and reads again."""

_TEXTS = 4
"""Conversations sent as text that are followed at a time, of each role."""


class Memo:
    """Remembers values by the content they were made from."""

    __slots__ = ("_begun", "_kept", "_made", "_plain")

    def __init__(self) -> None:
        self._made: dict[Hashable, object] = {}
        self._kept: set[int] = set()
        self._plain: set[int] = set()
        self._begun: dict[str, list[tuple[str, list[dict[str, object]]]]] = {}

    def nested(
        self, values: Mapping[str, object], make: Callable[[Mapping[str, object]], object]
    ) -> object:
        """A flattened value put together, once for each content."""
        try:
            return self._once(tuple(values.items()), lambda: make(values))
        except TypeError:  # a list among the values
            return make(values)

    def read(self, value: object, role: str, make: Callable[[], object]) -> object:
        """What was made of a sent value, once for each content and role."""
        if id(value) in self._kept:  # it was put together here, and stays alive
            return self._once((role, id(value)), make)
        try:
            key = (role, ormsgpack.packb(value))
        except (TypeError, ValueError):  # too large an integer, a lone surrogate, too deep
            return make()
        return self._once(key, make)

    def begun(self, role: str, text: str) -> tuple[int, list[dict[str, object]]] | None:
        """Of a list sent as JSON text that goes on where an earlier one ended: how much of it was
        read before, and the messages made of that."""
        for start, messages in self._begun.get(role, ()):
            if text.startswith(start) and text[len(start) : len(start) + 1] == ",":
                return len(start) + 1, messages
        return None

    def read_text(self, role: str, text: str, messages: list[dict[str, object]]) -> None:
        """Remember the messages of a list that was sent as JSON text."""
        end = text.rstrip()
        if messages and end[-1:] == "]":
            latest = self._begun.setdefault(role, [])
            latest.insert(0, (end[:-1], messages))
            del latest[_TEXTS:]

    def is_plain(self, value: object) -> bool:
        """Whether this very object was found to hold no file."""
        return id(value) in self._plain

    def found_plain(self, value: object) -> None:
        """Remember it, if it is one that stays alive with the memo."""
        if id(value) in self._kept:
            self._plain.add(id(value))

    def _once(self, key: Hashable, make: Callable[[], object]) -> object:
        found = self._made.get(key)
        if found is None:
            if len(self._made) >= _MOST:
                self._made.clear()
                self._kept.clear()
                self._plain.clear()
            found = self._made[key] = make()
            self._keep(found)
        return found

    def _keep(self, made: object) -> None:
        inner = cast("list[object]", made) if isinstance(made, list) else [made]
        self._kept.update(map(id, inner))
