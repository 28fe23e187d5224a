"""Values that are equal but for what was masked: a recording made under other redaction rules.

Where one side has a token and the other text, the stretch of text up to the next common literal
(shortest first, at most `TRIES`) must have the digest of that token, under the recording's key.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import cast

from forkpoint.redact.tokens import GRAMMAR, find_tokens

TRIES = 8
TokenOf = Callable[[str], str]
"""The token a text gets under the key of the recording."""


def same_but_masked(before: object, after: object, token_of: TokenOf) -> bool:
    """Whether two JSON values are equal once each token may stand for its text, on either side."""
    if isinstance(before, str) and isinstance(after, str):
        return before == after or _same_text(before, after, token_of)
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        left, right = cast("Mapping[str, object]", before), cast("Mapping[str, object]", after)
        return left.keys() == right.keys() and all(
            same_but_masked(value, right[key], token_of) for key, value in left.items()
        )
    if isinstance(before, list) and isinstance(after, list):
        first, second = cast("list[object]", before), cast("list[object]", after)
        return len(first) == len(second) and all(
            same_but_masked(one, other, token_of) for one, other in zip(first, second, strict=True)
        )
    return before == after and isinstance(before, bool) is isinstance(after, bool)


class _Text:
    """A text cut at its tokens."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._ends = dict(find_tokens(text))
        self._starts = sorted(self._ends)

    def token_at(self, at: int) -> str | None:
        end = self._ends.get(at)
        return None if end is None else self.text[at:end]

    def literal_from(self, at: int) -> str:
        """What follows up to the next token or the end."""
        following = next((start for start in self._starts if start >= at), len(self.text))
        return self.text[at:following]


def _same_text(before: str, after: str, token_of: TokenOf) -> bool:
    left, right = _Text(before), _Text(after)
    if left.literal_from(0) == before and right.literal_from(0) == after:
        return False
    return _aligned(left, right, 0, 0, token_of)


def _aligned(left: _Text, right: _Text, i: int, j: int, token_of: TokenOf) -> bool:
    while True:
        mine, other = left.token_at(i), right.token_at(j)
        if mine is not None and mine == other:
            i, j = i + len(mine), j + len(mine)
        elif mine is not None:
            ends = _stretches(mine, right.text, j, left.literal_from(i + len(mine)), token_of)
            return any(_aligned(left, right, i + len(mine), end, token_of) for end in ends)
        elif other is not None:
            ends = _stretches(other, left.text, i, right.literal_from(j + len(other)), token_of)
            return any(_aligned(left, right, end, j + len(other), token_of) for end in ends)
        elif i == len(left.text) or j == len(right.text):
            return i == len(left.text) and j == len(right.text)
        elif left.text[i] == right.text[j]:
            i, j = i + 1, j + 1
        else:
            return False


def _stretches(token: str, text: str, at: int, literal: str, token_of: TokenOf) -> list[int]:
    """Where the text a token stands for may end."""
    wanted = GRAMMAR.fullmatch(token)
    ends: list[int] = []
    end = len(text) if not literal else text.find(literal, at + 1)
    for _ in range(TRIES):
        if end <= at:
            break
        found = GRAMMAR.fullmatch(token_of(text[at:end]))
        if found is not None and wanted is not None and found[2] == wanted[2]:
            ends.append(end)
        end = text.find(literal, end + 1) if literal else -1
    return ends
