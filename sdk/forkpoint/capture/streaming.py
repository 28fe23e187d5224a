"""How a stream was handed over: boundaries over its assembled, redacted text, never raw pieces."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, cast

from forkpoint.capture.items import Streamed
from forkpoint.content.snapshot import restore_snapshot
from forkpoint.redact.tokens import find_tokens

VERSION = 1
Frame = tuple[int, int, str, int | None]
"""Milliseconds since the call began, choice, JSON pointer into the output, characters of it there
(None: the value at the pointer is handed over whole)."""


class Redacts(Protocol):
    """What masks the value of a snapshot."""

    def redacted(self, payload: bytes) -> object:
        """The masked value."""
        ...


def chunks_value(streamed: Streamed, output: bytes, redacts: Redacts) -> dict[str, object]:
    """The value of the `chunks` artifact; a boundary inside a token moves to the token's end."""
    layout = cast("dict[str, object]", restore_snapshot(streamed.layout))
    frames = cast("list[list[object]]", layout.get("frames", []))
    raw, masked = restore_snapshot(output), redacts.redacted(output)
    lengths: dict[str, list[int]] = {}
    for _, _, path, length in frames:
        if isinstance(length, int):
            lengths.setdefault(cast("str", path), []).append(length)
    fitted = {
        path: iter(realigned(sizes, text_at(raw, path), text_at(masked, path)))
        for path, sizes in lengths.items()
    }
    moved = [
        [ms, choice, path, next(fitted[cast("str", path)]) if isinstance(length, int) else None]
        for ms, choice, path, length in frames
    ]
    return {**layout, "v": VERSION, "frames": moved}


def realigned(lengths: Sequence[int], raw: str, masked: str) -> list[int]:
    """Lengths of the pieces of a text, moved to where their ends fall in its masked form."""
    if raw == masked:
        return list(lengths)
    ends: list[int] = []
    end = 0
    for length in lengths:
        end += length
        ends.append(end)
    spans = _spans(raw, masked)
    moved = [_moved(end, spans) for end in ends]
    return [after - before for before, after in zip([0, *moved], moved, strict=False)]


def text_at(value: object, pointer: str) -> str:
    """The string a JSON pointer (RFC 6901) leads to; empty if there is none."""
    for step in pointer.split("/")[1:]:
        name = step.replace("~1", "/").replace("~0", "~")
        if isinstance(value, list):
            items = cast("list[object]", value)
            value = items[int(name)] if name.isdigit() and int(name) < len(items) else None
        elif isinstance(value, dict):
            value = cast("dict[str, object]", value).get(name)
        else:
            return ""
    return value if isinstance(value, str) else ""


def _spans(raw: str, masked: str) -> list[tuple[int, int, int]]:
    """Stretches of both texts that belong together: end in raw, end in masked, shift or -1 (token).

    Between two tokens the texts are equal, so each such stretch is looked for from where the last
    one ended.
    """
    spans: list[tuple[int, int, int]] = []
    at_raw = at_masked = 0
    for start, end in [*find_tokens(masked), (len(masked), len(masked))]:
        literal = masked[at_masked:start]
        found = raw.find(literal, at_raw) if start < len(masked) else len(raw) - len(literal)
        if found < at_raw:
            return [(len(raw), len(masked), -1)]
        if found > at_raw:
            spans.append((found, at_masked, -1))
        at_raw = found + len(literal)
        if literal:
            spans.append((at_raw, start, start - at_raw))
        at_masked = end
    if at_raw < len(raw) or (spans and spans[-1][1] < len(masked)):
        spans.append((len(raw), len(masked), -1))
    return spans


def _moved(end: int, spans: Sequence[tuple[int, int, int]]) -> int:
    if end <= 0:
        return 0
    for raw_end, masked_end, shift in spans:
        if end <= raw_end:
            return masked_end if shift == -1 else end + shift
    return spans[-1][1] if spans else end
