"""Server-sent events as bytes and back (WHATWG HTML, section 9.2)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

DONE = "[DONE]"


@dataclass(frozen=True, slots=True)
class SentEvent:
    """One event of a stream: its name if it has one, its data as text, where its bytes end."""

    name: str | None
    data: str
    end: int


def parse(body: bytes) -> list[SentEvent]:
    """The complete events of a stream so far."""
    found: list[SentEvent] = []
    name: str | None = None
    lines: list[str] = []
    at = 0
    for raw in body.splitlines(keepends=True):
        at += len(raw)
        if not raw.endswith((b"\n", b"\r")):
            break
        line = raw.rstrip(b"\r\n").decode("utf-8", "replace")
        if not line:
            if lines:
                found.append(SentEvent(name, "\n".join(lines), at))
            name, lines = None, []
            continue
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if field == "data":
            lines.append(value)
        elif field == "event":
            name = value
    return found


def write(events: Iterable[tuple[str | None, object]]) -> Sequence[bytes]:
    """The bytes of events with JSON data, each event by itself, the end mark last."""
    parts: list[bytes] = []
    for name, data in events:
        head = f"event: {name}\n" if name else ""
        parts.append(f"{head}data: {json.dumps(data)}\n\n".encode())
    parts.append(f"data: {DONE}\n\n".encode())
    return parts
