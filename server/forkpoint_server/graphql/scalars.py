"""The custom scalars, and how they stand on the wire."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NewType

import strawberry
from graphql import GraphQLError
from strawberry.types.scalar import ScalarDefinition

JSON = NewType("JSON", object)
BigInt = NewType("BigInt", int)
Column = NewType("Column", str)

INT64_MAX = 2**63 - 1
_DECIMAL = re.compile(r"-?[0-9]{1,19}\Z")


def _read_big(value: object) -> int:
    number: int | None = None
    if isinstance(value, int) and not isinstance(value, bool):
        number = value
    elif isinstance(value, str) and _DECIMAL.match(value):
        number = int(value)
    if number is None or not -INT64_MAX - 1 <= number <= INT64_MAX:
        raise GraphQLError("BigInt must be a whole number of 64 bits, or its decimal text")
    return number


def _same(value: object) -> object:
    return value


SCALARS: Mapping[object, ScalarDefinition] = {
    JSON: strawberry.scalar(
        name="JSON", description="Any JSON value.", serialize=_same, parse_value=_same
    ),
    BigInt: strawberry.scalar(
        name="BigInt",
        description="64-bit integer as a decimal string (ns, bytes, sequences); "
        "input also takes numbers.",
        serialize=str,
        parse_value=_read_big,
    ),
    Column: strawberry.scalar(
        name="Column",
        description="base64 of a little-endian typed array; "
        "the element type is in the field's description.",
        serialize=_same,
        parse_value=_same,
    ),
}


def big(number: int | None) -> BigInt | None:
    """A number that may be absent, as a BigInt."""
    return None if number is None else BigInt(number)
