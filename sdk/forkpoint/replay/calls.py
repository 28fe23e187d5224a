"""A tool call that a model asks for."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCall:
    """What a reply asks for; `args` is parsed where the provider writes JSON text."""

    id: str
    name: str
    args: object
