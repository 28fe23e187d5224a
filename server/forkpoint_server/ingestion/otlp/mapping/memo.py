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


class Memo:
    """Remembers values by the content they were made from."""

    __slots__ = ("_kept", "_made", "_plain")

    def __init__(self) -> None:
        self._made: dict[Hashable, object] = {}
        self._kept: set[int] = set()
        self._plain: set[int] = set()

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
        try:
            key = (role, ormsgpack.packb(value))
        except (TypeError, ValueError):  # too large an integer, a lone surrogate, too deep
            return make()
        return self._once(key, make)

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
