"""What becomes of one string: tokens stay, known values go first, then what its name says."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import unquote

from forkpoint.redact.known import KnownValues
from forkpoint.redact.names import KeyClass, Names, is_placeholder, looks_secret
from forkpoint.redact.raw import RawMask
from forkpoint.redact.tokens import CONSTANT, TokenKey, find_tokens, is_token

SHORTEST_PIECE = 4
"""Characters beside a token that are masked as a piece of their own."""
_SCHEME = re.compile(r"\s*([A-Za-z][A-Za-z0-9_-]*)(\s+)(\S.*)", re.DOTALL)
_COOKIE = re.compile(r"([^=;,\s]+)=([^;,]*)")
_ATTRIBUTES = frozenset(
    {"path", "expires", "max-age", "domain", "samesite", "version", "priority", "comment"}
)
_PARAMETER = re.compile(r"""(^|[?&;])([A-Za-z0-9_.\-\[\]%]{1,128})=([^&;#\s"'<>\\]+)""")
_SMALLEST_NUMBER = 100
"""Smaller numbers under a password name are counts or flags."""


class Leaves:
    """The leaf rule for one key, set of known values and rule of names."""

    __slots__ = ("_key", "_known", "_names")

    def __init__(self, key: TokenKey, known: KnownValues, names: Names) -> None:
        self._key = key
        self._known = known
        self._names = names

    def under_name(self, text: str, kind: KeyClass) -> str | None:
        """The masked form of a string behind a name that is not plain; None: treat it as plain."""
        if not text or is_placeholder(text):
            return None
        if kind is KeyClass.SCHEME:
            return self._credentials(text)
        if kind is KeyClass.COOKIE:
            return self._cookies(text)
        if kind is KeyClass.CONSTANT:
            return text if is_token(text) else CONSTANT
        if kind is KeyClass.WEAK and not looks_secret(without_tokens(self._without_known(text))):
            return None
        return self._pieces(text)

    def plain(self, text: str) -> str:
        """The masked form of a string that no name speaks for."""
        text = self._without_known(text)
        if "=" in text and self._names.might_hold(text):
            return _PARAMETER.sub(self._parameter, text)
        return text

    def name(self, name: str) -> str:
        """The masked form of an object key."""
        return self._without_known(name)

    def number(self, value: float, kind: KeyClass) -> object:
        """A number, masked only behind names of passwords, PINs and cards."""
        if kind is KeyClass.NUMBER and abs(value) >= _SMALLEST_NUMBER:
            return self._key.token(str(value))
        return value

    def knows_in(self, text: str) -> bool:
        """Whether a known value stands in a text, in any of its forms."""
        return next(self._known.find(text), None) is not None

    def raw(self) -> RawMask:
        """What masks the known values of one stream of bytes."""
        return RawMask(self._known, self._key)

    def may_be_nested(self, text: str) -> bool:
        """Whether a string may be JSON in which something can be found."""
        if len(text) < 2 or text.lstrip()[:1] not in ("{", "[", '"'):
            return False
        return (bool(self._known) and "\\" in text) or self._names.might_hold(text)

    def _without_known(self, text: str) -> str:
        if not self._known:
            return text
        parts: list[str] = []
        done = 0
        for start, end, masked in _stretches(text):
            if masked:
                continue
            for left, right, value in self._known.find(text[start:end]):
                parts += [text[done : start + left], self._key.token(value)]
                done = start + right
        if not parts:
            return text
        return "".join([*parts, text[done:]])

    def _pieces(self, text: str) -> str:
        """Every stretch that is no token becomes one; short rests between tokens stay."""
        text = self._without_known(text)
        stretches = list(_stretches(text))
        if len(stretches) == 1 and not stretches[0][2]:
            return self._key.token(text)
        return "".join(
            text[start:end]
            if masked or end - start < SHORTEST_PIECE
            else self._key.token(text[start:end])
            for start, end, masked in stretches
        )

    def _credentials(self, text: str) -> str:
        match = _SCHEME.fullmatch(text)
        if match is None:
            return self._pieces(text)
        scheme, space, rest = match.groups()
        if scheme.lower() == "basic":
            return f"{scheme}{space}{CONSTANT}"
        return f"{scheme}{space}{self._pieces(rest)}"

    def _cookies(self, text: str) -> str:
        def mask(match: re.Match[str]) -> str:
            name, value = match.groups()
            if name.lower() in _ATTRIBUTES or not value.strip():
                return match[0]
            return f"{name}={self._pieces(value)}"

        return _COOKIE.sub(mask, text) if "=" in text else self._pieces(text)

    def _parameter(self, match: re.Match[str]) -> str:
        before, name, value = match.groups()
        kind = self._names.kind(unquote(name))
        if kind is KeyClass.PLAIN or is_placeholder(value):
            return match[0]
        if kind is KeyClass.WEAK and not looks_secret(without_tokens(value)):
            return match[0]
        whole = next(find_tokens(value), None) is None
        if kind is KeyClass.CONSTANT:
            masked = CONSTANT if value != CONSTANT else value
        else:
            masked = self._key.token(unquote(value)) if whole else self._pieces(value)
        return f"{before}{name}={masked}"


def without_tokens(text: str) -> str:
    """A text less its tokens, so that masking a part never changes how the rest is judged."""
    return "".join(text[start:end] for start, end, masked in _stretches(text) if not masked)


def _stretches(text: str) -> Iterator[tuple[int, int, bool]]:
    """A text as alternating stretches: start, end, whether it is a token."""
    done = 0
    for start, end in find_tokens(text):
        if start > done:
            yield done, start, False
        yield start, end, True
        done = end
    if done < len(text) or not text:
        yield done, len(text), False
