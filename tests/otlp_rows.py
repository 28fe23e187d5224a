"""What the tables of fields are made of: a way to read a field, and spans with one name each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from forkpoint_server.ingestion.otlp.mapping.spans import MappedSpan, map_span

OI, OP = "openinference.span.kind", "gen_ai.operation.name"
Field = Callable[[MappedSpan], object]
CHAT, LLM = {OP: "chat"}, {OI: "LLM"}


def part(*path: str | int) -> Field:
    """A value in the input parts."""

    def read(span: MappedSpan) -> object:
        found: Any = span.parts
        for word in path:
            found = found[word]
        return found

    return read


def _names(text: str) -> list[str]:
    """Names with `{a,b}` written out."""
    found = [""]
    for piece in text.replace("}", "{").split("{"):
        choices = piece.split(",") if piece and text.find("{" + piece + "}") >= 0 else [piece]
        found = [front + choice for front in found for choice in choices]
    return found


def every(base: dict[str, Any], value: object, *names: str) -> list[dict[str, Any]]:
    """A span with this value under each of some names; `{a,b}` is written out."""
    return [{**base, name: value} for each in names for name in _names(each)]


def read(field: Field, source: dict[str, Any]) -> object:
    """The field of a span with these attributes."""
    span = map_span(source, name="span")
    try:
        return field(span)
    except (KeyError, IndexError, TypeError) as error:
        return f"not read: {error!r}"
