"""One stored list, read item by item: blocks are loaded only on the way to what is asked for."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import overload

import orjson

from forkpoint.content.blocks import Digest, Get, Value, digest_of
from forkpoint.content.bodies import plain_ref
from forkpoint.content.decode import decode
from forkpoint.content.parts import UNIT, Kind, Opener, Part, is_reference, opened
from forkpoint.errors import UsageError


class ListReader(Sequence[Value]):
    """The items of a list by index. `UsageError` if the root is of another value.

    Raises what `decode` raises when an item is read.
    """

    def __init__(self, root: Digest, get: Get) -> None:
        self._get = get
        self._opener = Opener(get)
        whole = opened(root, self._opener.body(root))
        if whole.kind is not Kind.ITEMS:
            raise UsageError(f"a value made of {whole.kind.value} is no list")
        self._parts = whole.parts
        self._size = sum(part.size for part in self._parts)

    def __len__(self) -> int:
        return self._size

    @overload
    def __getitem__(self, at: int) -> Value: ...
    @overload
    def __getitem__(self, at: slice) -> list[Value]: ...
    def __getitem__(self, at: int | slice) -> Value | list[Value]:
        if isinstance(at, slice):
            return [self[index] for index in range(*at.indices(self._size))]
        if not 0 <= at < self._size:
            raise IndexError(at)
        return self._value(self._unit(at))

    def _unit(self, at: int) -> Part:
        """The part of one item; groups on the way are opened for good."""
        place = 0
        left = at
        while True:
            part = self._parts[place]
            if left >= part.size:
                left, place = left - part.size, place + 1
            elif part.level == UNIT:
                return part
            else:
                self._parts[place : place + 1] = self._opener.expand(part, by_bytes=False)

    def _value(self, part: Part) -> Value:
        if is_reference(part.unit):
            return decode(plain_ref(part.unit), self._get)
        body = orjson.dumps(part.unit)
        digest = digest_of(body)

        def get(digests: Collection[Digest]) -> dict[Digest, bytes]:
            others = [each for each in digests if each != digest]
            return {**(self._get(others) if others else {}), digest: body}

        return decode(digest, get)
