"""Inputs as shapes: masked values reduced to their class and order, for recordings of another key.

A shape cannot tell `lookup(A)` from `lookup(B)`. It is looked at only where the recording was
masked with another key than this process uses, never as a second chance.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import cast

from forkpoint.redact.tokens import GRAMMAR

Parts = Callable[[str], object]
"""The value of an input part."""


def same_shape(names: Iterable[str], before: Parts, after: Parts) -> bool:
    """Whether two inputs of these parts are equal but for the digests in their tokens."""
    listed = sorted(names)
    left, right = _Shaping(), _Shaping()
    return all(left.of(before(name)) == right.of(after(name)) for name in listed)


class _Shaping:
    """Numbers tokens by first appearance, over all parts of one input."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}

    def of(self, value: object) -> object:
        if isinstance(value, str):
            return GRAMMAR.sub(self._named, value) if "rx1_" in value else value
        if isinstance(value, Mapping):
            members = cast("Mapping[object, object]", value)
            return {self.of(key): self.of(members[key]) for key in sorted(members, key=str)}
        if isinstance(value, list):
            return [self.of(item) for item in cast("list[object]", value)]
        return value

    def _named(self, token: re.Match[str]) -> str:
        number = self._numbers.setdefault(token[0], len(self._numbers))
        return f"{token[1]}#{number}"
