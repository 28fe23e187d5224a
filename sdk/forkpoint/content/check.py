"""What ingest runs on a body from outside: its form, its tags, its references."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import cast

import orjson

from forkpoint.content.blocks import Ref, digest_from_text, references
from forkpoint.content.bodies import (
    Parsed,
    counted_ref,
    long_of,
    nesting,
    number_of,
    scalar_of,
    tag_of,
)
from forkpoint.content.errors import CorruptBlock, LimitExceeded
from forkpoint.content.limits import BODY_BYTES, LIMITS
from forkpoint.errors import EventError
from forkpoint.events.canonical import SAFE_INTEGER, canonical_bytes

_NESTING = LIMITS.depth + 2
"""Containers of values, and the arrays of a long sequence around the last of them."""
_UNNAMED = b""
_SORTED = orjson.OPT_SORT_KEYS


def check_body(body: bytes) -> list[Ref]:
    """The references of a body that is canonical JSON with known tags, in order.

    Raises `LimitExceeded`, `CorruptBlock` or `UnsupportedFormat`. Whether its chunk boundaries are
    those of the format only `verify` can tell, which reads the whole tree.
    """
    if len(body) > BODY_BYTES:
        raise LimitExceeded("body_bytes", BODY_BYTES)
    try:
        parsed = orjson.loads(body)
    except orjson.JSONDecodeError as why:
        raise CorruptBlock("", f"no JSON: {why.msg}") from why
    if body.count(b"[") + body.count(b"{") > _NESTING and nesting(parsed) > _NESTING:
        raise CorruptBlock("", "nested too deep")
    if not _is_canonical(parsed, body):
        raise CorruptBlock("", "not canonical JSON")
    if b'"~' not in body:
        return []
    _check_root(parsed)
    return references(body)


def _is_canonical(parsed: Parsed, body: bytes) -> bool:
    """Whether RFC 8785 writes the same; orjson does for all but numbers and key order."""
    if not _is_delicate(parsed) and (body.isascii() or b"{" not in body):
        return orjson.dumps(parsed, option=_SORTED) == body
    try:
        return canonical_bytes(_numbers(parsed)) == body
    except EventError:
        return False


def _is_delicate(parsed: Parsed) -> bool:
    """Whether a number is in it that orjson may write in another way."""
    return _hold_delicate((parsed,))


def _hold_delicate(items: Iterable[Parsed]) -> bool:
    """One call for each container: nearly all that stands in a body is text."""
    for item in items:
        kind = type(item)  # pyright: ignore[reportUnknownVariableType]
        if kind is str:
            continue
        if kind is dict:
            delicate = _hold_delicate(cast("dict[str, Parsed]", item).values())
        elif kind is list:
            delicate = _hold_delicate(cast("list[Parsed]", item))
        else:
            delicate = kind is float or (kind is int and abs(cast("int", item)) > SAFE_INTEGER)
        if delicate:
            return True
    return False


def _numbers(parsed: Parsed) -> Parsed:
    """The same JSON with integers beyond 2^53-1 as the floats they stand for."""
    if isinstance(parsed, dict):
        return {key: _numbers(item) for key, item in cast("dict[str, Parsed]", parsed).items()}
    if isinstance(parsed, list):
        return [_numbers(item) for item in cast("list[Parsed]", parsed)]
    return number_of(parsed) if type(parsed) is int else parsed


def _check_root(parsed: Parsed) -> None:
    tag = tag_of(parsed)
    if tag is None:
        if isinstance(parsed, str) and parsed[:2] == "~:":
            raise CorruptBlock("", "a root is never a reference")
        _check_cell(parsed)
        return
    if tag == "~g":
        _check_units(parsed[1:])
        return
    whole = long_of(_UNNAMED, parsed)
    for ref in (whole.head, whole.middle):
        if ref is not None:
            counted_ref(_UNNAMED, ref)
    if tag in ("~s", "~y", "~q"):
        for item in whole.tail:
            counted_ref(_UNNAMED, item)
    else:
        _check_units(whole.tail)


def _check_units(units: Sequence[Parsed]) -> None:
    """Cells, entries or counted references: a group does not say which of them it holds."""
    for unit in units:
        if isinstance(unit, str) and unit[:2] == "~:" and len(unit) > 45:
            counted_ref(_UNNAMED, unit)
        else:
            _check_cell(unit)


def _check_cell(parsed: Parsed) -> None:
    if isinstance(parsed, str):
        _check_text(parsed)
    elif isinstance(parsed, dict):
        for item in cast("dict[str, Parsed]", parsed).values():
            _check_cell(item)
    elif isinstance(parsed, list):
        if tag_of(parsed) is not None:
            raise CorruptBlock("", "a long sequence stands inside a body")
        for item in cast("list[Parsed]", parsed):
            _check_cell(item)


def _check_text(text: str) -> None:
    if text[:2] == "~:":
        digest_from_text(text[2:])
    elif text[:1] == "~":
        scalar_of(text, LIMITS.integer_digits)
