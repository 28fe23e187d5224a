"""JSON inside strings: its leaves are masked in place, everything else keeps its very bytes."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import cast

import orjson

LeafRule = Callable[[object, str | None], object]
"""(leaf, nearest object key) -> leaf; the same object when nothing was found."""

_LEXEME = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\],:]|[^\s{}\[\],:"]+', re.DOTALL)
_NESTING = 64


def rewrite_json(text: str, leaf: LeafRule) -> str | None:
    """A JSON text with its leaves passed through `leaf`, spliced by offset; None if it is not JSON.

    Where no leaf changes, the text comes back as it was, white space and number forms included.
    """
    try:
        orjson.loads(text)
    except (orjson.JSONDecodeError, RecursionError):
        return None
    splicing = _Splicing(text, leaf)
    for match in _LEXEME.finditer(text):
        splicing.take(match[0], match.start(), match.end())
    return splicing.result()


class _Splicing:
    """Follows the lexemes of a valid JSON text and remembers what has to be replaced."""

    __slots__ = ("_done", "_key", "_keys", "_leaf", "_objects", "_parts", "_text", "_wants_key")

    def __init__(self, text: str, leaf: LeafRule) -> None:
        self._text = text
        self._leaf = leaf
        self._parts: list[str] = []
        self._done = 0
        self._objects: list[bool] = []
        self._keys: list[str | None] = []
        self._key: str | None = None
        self._wants_key = False

    def take(self, lexeme: str, start: int, end: int) -> None:
        """Look at the next lexeme."""
        first = lexeme[0]
        if first in "{[":
            self._open(first == "{")
        elif first in "}]":
            self._close()
        elif first == ",":
            self._wants_key = self._objects[-1]
        elif first == ":":
            self._wants_key = False
        else:
            self._scalar(lexeme, start, end)

    def result(self) -> str:
        """The text with its replacements."""
        if not self._parts:
            return self._text
        return "".join([*self._parts, self._text[self._done :]])

    def _open(self, is_object: bool) -> None:
        self._objects.append(is_object)
        self._keys.append(self._key)
        self._wants_key = is_object

    def _close(self) -> None:
        self._objects.pop()
        self._key = self._keys.pop()
        self._wants_key = False

    def _scalar(self, lexeme: str, start: int, end: int) -> None:
        if lexeme in ("true", "false", "null"):
            return
        value = cast("object", json.loads(lexeme))
        if self._wants_key:
            self._key = str(value)
            new = self._leaf(value, None)
        else:
            new = self._leaf(value, self._key)
        if new == value:
            return
        self._parts += [self._text[self._done : start], _literal(new, lexeme)]
        self._done = end


def _literal(value: object, before: str) -> str:
    """A replaced leaf, escaped as the literal it replaces was."""
    return json.dumps(value, ensure_ascii=before.isascii())
