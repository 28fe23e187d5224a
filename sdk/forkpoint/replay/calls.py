"""A tool call that a model asks for, and how it is read out of what providers send."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

import orjson


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCall:
    """What a reply asks for; `args` is parsed where the provider writes JSON text."""

    id: str
    name: str
    args: object


def parsed_arguments(arguments: object) -> object:
    """Arguments as a value; a text that is no JSON stays the text."""
    if not isinstance(arguments, str):
        return arguments
    try:
        return orjson.loads(arguments or "{}")
    except orjson.JSONDecodeError:
        return arguments


def objects_in(value: object) -> list[Mapping[str, object]]:
    """The objects of a list; none of anything else."""
    listed = cast("list[object]", value) if isinstance(value, list) else []
    return [cast("Mapping[str, object]", item) for item in listed if isinstance(item, dict)]
