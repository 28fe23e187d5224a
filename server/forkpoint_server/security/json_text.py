"""JSON of strangers: one mistake must not take its neighbours with it, nor cost more than it is."""

from __future__ import annotations

import json

import orjson

from forkpoint_server.errors import BadRequest

_INTEGER_DIGITS = 40
_TOO_LARGE = 10**_INTEGER_DIGITS
"""Stands for whole numbers of more digits: no field takes it, and it costs nothing to read."""


def read_json(body: bytes, *, what: str = "the body") -> object:
    """A JSON value. What the fast reader refuses is read with the tolerant one of the standard
    library, so that NaN, lone surrogates and huge numbers reach the check of the one event they
    stand in and do not take its neighbours with them. Raises `BadRequest`, also for nesting that no
    reader follows.
    """
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        pass
    try:
        return json.loads(body, parse_int=_read_integer)
    except (ValueError, RecursionError):
        raise BadRequest(f"{what} is not JSON", field="body") from None


def _read_integer(text: str) -> int:
    return int(text) if len(text) <= _INTEGER_DIGITS else _TOO_LARGE
