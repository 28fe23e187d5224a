"""Columns: whole answers as typed arrays, made in SQL, so that no row passes through Python.

Postgres writes numbers with the highest byte first and without sign rules of ours: unsigned values
are folded into the signed type of their width, joined in row order and turned around at once.
"""

from __future__ import annotations

import base64
import sys
from array import array
from typing import Literal

Element = Literal["u8", "u16", "u32", "i64"]

_CODES: dict[Element, str] = {"u8": "B", "u16": "H", "u32": "I", "i64": "q"}
_FOLDED = {
    "u8": "substring(int2send(cast({0} as int2)) from 2 for 1)",
    "u16": "int2send(cast(case when {0} > 32767 then {0} - 65536 else {0} end as int2))",
    "u32": "int4send(cast(case when {0} > 2147483647 then {0} - 4294967296 else {0} end as int4))",
    "i64": "int8send({0})",
}
_LARGEST = {"u8": 2**8 - 1, "u16": 2**16 - 1, "u32": 2**32 - 1}


def joined(expression: str, element: Element, *, order: str) -> str:
    """SQL that joins an integer expression over rows to bytes; too large values are cut off."""
    value = f"({expression})"
    if element != "i64":
        value = f"least(greatest(cast({expression} as bigint), 0), {_LARGEST[element]})"
    return f"string_agg({_FOLDED[element].format(value)}, ''::bytea order by {order})"


def encoded(data: bytes | None, element: Element) -> str:
    """base64 of the little-endian array; no rows give an empty one."""
    column: array[int] = array(_CODES[element])
    column.frombytes(data or b"")
    if sys.byteorder == "little" and element != "u8":
        column.byteswap()
    return base64.b64encode(column.tobytes()).decode()


def decoded(text: str, element: Element) -> list[int]:
    """The numbers of a column, as a client reads them."""
    column: array[int] = array(_CODES[element])
    column.frombytes(base64.b64decode(text))
    if sys.byteorder == "big":
        column.byteswap()
    return column.tolist()
