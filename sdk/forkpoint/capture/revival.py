"""Served values in the type the function promises: dataclasses, models and tuples come back."""

from __future__ import annotations

import typing
from collections.abc import Callable
from functools import lru_cache
from typing import cast

import msgspec

_PLAIN = (None, object, typing.Any, str, int, float, bool, dict, list, type(None))


def revived(value: object, function: Callable[..., object]) -> object:
    """The value as the function's return annotation says, or as it is where that does not fit."""
    kind = _promised(function)
    if kind in _PLAIN:
        return value
    validate = getattr(kind, "model_validate", None)
    try:
        if validate is not None:
            return cast("object", validate(value))
        return cast("object", msgspec.convert(value, kind))
    except Exception:  # masked values need not fit, and not every annotation is convertible
        return value


@lru_cache(maxsize=1024)
def _promised(function: Callable[..., object]) -> object:
    try:
        return typing.get_type_hints(function).get("return")
    except Exception:  # names only known to type checkers
        return None
