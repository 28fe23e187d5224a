"""A step delta as a few coloured lines: red for A, green for B, at most twenty of them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import cast

from rich.text import Text

from forkpoint_cli.text import one_line

Fields = Mapping[str, object]
MOST_LINES = 20
WIDTH = 120
CONTEXT = 40
_MARKS = {"red": ("[-", "-]"), "green": ("{+", "+}")}
_STYLES = {"=": "dim", "-": "red", "+": "green"}


def delta_lines(delta: Fields) -> list[Text]:
    """What differs within one pair of steps (format of the diff guide), cut to twenty lines."""
    found = list(islice(_lines(delta), MOST_LINES + 1))
    if len(found) > MOST_LINES:
        found[MOST_LINES:] = [Text("… more in the cockpit", style="dim")]
    return found


def marked(line: Text) -> str:
    """A line for documents without colour: removed words as `[-x-]`, added ones as `{+x+}`."""
    found, at = "", 0
    for span in line.spans:
        before, after = _MARKS.get(str(span.style), ("", ""))
        found += line.plain[at : span.start] + before + line.plain[span.start : span.end] + after
        at = span.end
    return found + line.plain[at:]


def _lines(delta: Fields) -> Iterator[Text]:
    prompt = cast("Mapping[str, Sequence[Fields]]", delta.get("prompt") or {})
    for part, rows in prompt.items():
        for row in rows:
            yield from _message(part, row)
    parts = cast("Mapping[str, Sequence[Fields]]", delta.get("parts") or {})
    for part, changes in parts.items():
        for change in changes:
            yield from _change(part, change)
    yield from _output(cast("Fields", delta.get("output") or {}))
    for name in ("status", "model"):
        pair = cast("Fields | None", delta.get(name))
        if pair:
            yield _pair(name, pair.get("a"), pair.get("b"))


def _output(output: Fields) -> Iterator[Text]:
    if "words" in output:
        yield _words("output", cast("Sequence[Sequence[str]]", output["words"]))
        return
    for change in cast("Sequence[Fields]", output.get("changes") or ()):
        yield from _change("output", change)
    if output.get("kind") == "retrieval":
        for name in ("added", "removed", "rewritten"):
            documents = cast("Sequence[str]", output.get(name) or ())
            if documents:
                yield Text(f"documents {name}: {one_line(', '.join(documents), width=WIDTH)}")


def _message(part: str, row: Fields) -> Iterator[Text]:
    operation = str(row["op"])
    if operation == "same":
        return
    if operation == "changed":
        yield _words(f"{part}/{row['b']}", cast("Sequence[Sequence[str]]", row["words"]))
        for change in cast("Sequence[Fields]", row.get("changes") or ()):
            yield from _change(f"{part}/{row['b']}", change)
        return
    sign = {"added": "+", "removed": "-"}.get(operation, "=")
    place = row.get("b") if row.get("b") is not None else row.get("a")
    text = one_line(json.dumps(row.get("message"), ensure_ascii=False), width=WIDTH)
    yield Text.assemble((f"{part}/{place} {operation} ", "dim"), (text, _STYLES[sign]))


def _change(part: str, change: Fields) -> Iterator[Text]:
    where = f"{part}{change['pointer']}"
    if "words" in change:
        yield _words(where, cast("Sequence[Sequence[str]]", change["words"]))
    else:
        yield _pair(where, change.get("a"), change.get("b"))


def _pair(where: str, before: object, after: object) -> Text:
    line = Text(f"{where}  ", style="dim")
    if before is not None:
        line.append(one_line(_shown(before), width=WIDTH), style="red")
        line.append("  ")
    if after is not None:
        line.append(one_line(_shown(after), width=WIDTH), style="green")
    return line


def _words(where: str, hunks: Sequence[Sequence[str]]) -> Text:
    line = Text(f"{where}  ", style="dim")
    for sign, text in hunks:
        shown = text if sign != "=" or len(text) <= 2 * CONTEXT else _middle_cut(text)
        line.append(_spaced(shown), style=_STYLES[sign])
    return line


def _spaced(text: str) -> str:
    """On one line, still apart from its neighbours."""
    before, after = (" " if end.isspace() else "" for end in (text[:1], text[-1:]))
    shown = one_line(text, width=WIDTH)
    return f"{before}{shown}{after}" if shown else before


def _middle_cut(text: str) -> str:
    return f"{text[:CONTEXT]} … {text[-CONTEXT:]}"


def _shown(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
