"""Recorded values as JSON that any client can read.

What JSON cannot say is said by an object with one key that starts with `$`; a recorded object that
looks like one is wrapped the same way, so nothing recorded can imitate it.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Mapping
from typing import cast

SAFE_INTEGER = 2**53 - 1
"""Larger integers lose digits in a browser."""


def presentable(value: object) -> object:
    """The value with `$bytes`, `$int`, `$float`, `$text`, `$dict` where JSON has no words."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, int):
        return value if -SAFE_INTEGER <= value <= SAFE_INTEGER else {"$int": str(value)}
    if isinstance(value, float):
        return value if math.isfinite(value) else {"$float": _name(value)}
    if isinstance(value, bytes):
        return {"$bytes": base64.b64encode(value).decode()}
    if isinstance(value, list | tuple):
        return [presentable(item) for item in cast("list[object]", value)]
    return _mapping(cast("Mapping[object, object]", value))


def _mapping(value: Mapping[object, object]) -> object:
    plain = all(isinstance(key, str) and _is_utf8(key) for key in value)
    if not plain or (len(value) == 1 and str(next(iter(value))).startswith("$")):
        return {"$dict": [[presentable(key), presentable(item)] for key, item in value.items()]}
    return {cast("str", key): presentable(item) for key, item in value.items()}


def _text(value: str) -> object:
    if value.isascii() or _is_utf8(value):
        return value
    return {"$text": base64.b64encode(value.encode("utf-8", "surrogatepass")).decode()}


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _name(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    return "Infinity" if value > 0 else "-Infinity"
