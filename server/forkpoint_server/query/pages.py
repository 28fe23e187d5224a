"""Keyset pages: how much may be asked for, and what a cursor says."""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar, cast

import orjson

from forkpoint_server.errors import BadRequest, LimitExceeded

FIRST_MAXIMUM = 200

Row = TypeVar("Row")


@dataclass(frozen=True, slots=True, kw_only=True)
class Page(Generic[Row]):
    """Some rows in a total order, each with the cursor that continues after it."""

    rows: Sequence[Row]
    cursors: Sequence[str]
    has_next: bool
    has_previous: bool


def check_first(first: int, *, maximum: int = FIRST_MAXIMUM) -> int:
    """The asked page size; raises `LimitExceeded` outside 1..maximum."""
    if not 1 <= first <= maximum:
        raise LimitExceeded("first", maximum, f"`first` must be from 1 to {maximum}")
    return first


def make_page(
    rows: Sequence[Row], *, first: int, after: str | None, key: Callable[[Row], list[object]]
) -> Page[Row]:
    """A page from `first + 1` rows, of which the last only says that there are more."""
    kept = rows[:first]
    return Page(
        rows=kept,
        cursors=[write_cursor(key(row)) for row in kept],
        has_next=len(rows) > first,
        has_previous=after is not None,
    )


def write_cursor(key: list[object]) -> str:
    """An opaque text for the sort key of a row."""
    return base64.urlsafe_b64encode(orjson.dumps(key)).decode().rstrip("=")


def read_cursor(cursor: str, *types: type) -> list[object]:
    """The sort key in a cursor; raises `BadRequest` unless it has exactly these types."""
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        key = cast("object", orjson.loads(base64.urlsafe_b64decode(padded)))
    except ValueError:
        raise BadRequest("`after` is not a cursor of this list", field="after") from None
    if not isinstance(key, list):
        raise BadRequest("`after` is not a cursor of this list", field="after")
    values = cast("list[object]", key)
    if [type(value) for value in values] != list(types):
        raise BadRequest("`after` is not a cursor of this list", field="after")
    return values
