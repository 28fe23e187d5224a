"""What commands print: tables for people, JSON for programs; recorded text made harmless."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from forkpoint_cli.text import harmless, one_line

STATUS_STYLES = {
    "ok": "green",
    "identical": "green",
    "forked": "green",
    "running": "cyan",
    "error": "red",
    "diverged": "red",
    "interrupted": "yellow",
    "cancelled": "yellow",
    "partial": "yellow",
    "incomparable": "magenta",
}
STATUS_MARKS = {"ok": "●", "error": "▲", "running": "◐", "cancelled": "◌", "interrupted": "◌"}
KIND_STYLES = {
    "model": "blue",
    "tool": "yellow",
    "retriever": "cyan",
    "planner": "magenta",
    "validator": "green",
    "safety": "red",
    "agent": "bold",
    "custom": "white",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column of a table. `width` limits cells of recorded text, in characters."""

    title: str
    right: bool = False
    width: int = 60
    style: str | None = None


@dataclass(frozen=True, slots=True)
class Output:
    """Writes to the terminal; results to stdout, remarks to stderr."""

    raw: bool = False
    console: Console = field(default_factory=lambda: Console(highlight=False))
    remarks: Console = field(default_factory=lambda: Console(stderr=True, highlight=False))

    def json(self, value: object) -> None:
        """One JSON document and nothing else; control characters are escaped by JSON itself."""
        click.echo(json.dumps(value, indent=2, ensure_ascii=True))

    def say(self, *parts: str | Text) -> None:
        """One line of result."""
        self.console.print(self._joined(parts), soft_wrap=True)

    def remark(self, *parts: str | Text) -> None:
        """One line about the work, apart from the result."""
        self.remarks.print(self._joined(parts), soft_wrap=True)

    def text(self, recorded: str) -> None:
        """Recorded text as it stands, made harmless unless asked for raw."""
        click.echo(recorded if self.raw else harmless(recorded))

    def table(self, columns: Sequence[Column], rows: Sequence[Sequence[str | Text]]) -> None:
        """Aligned columns without lines; recorded cells on one line each."""
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
        for column in columns:
            table.add_column(
                column.title,
                justify="right" if column.right else "left",
                style=column.style,
                no_wrap=True,
                overflow="ellipsis",
            )
        for row in rows:
            table.add_row(*map(self._cell, row, columns))
        self.console.print(table)

    def _cell(self, value: str | Text, column: Column) -> Text:
        if isinstance(value, Text):
            return value
        return Text(value if self.raw else one_line(value, width=column.width))

    def _joined(self, parts: Sequence[str | Text]) -> Text:
        line = Text()
        for part in parts:
            plain = part if isinstance(part, Text) else Text(part if self.raw else harmless(part))
            line.append_text(plain)
        return line


def styled_status(status: str) -> Text:
    """A status or verdict in its colour, with its mark so that colour is never alone."""
    word = status.lower()
    mark = STATUS_MARKS.get(word)
    return Text(f"{mark} {word}" if mark else word, style=STATUS_STYLES.get(word, ""))


def styled_kind(kind: str) -> Text:
    """A kind of step in its colour."""
    return Text(kind.lower(), style=KIND_STYLES.get(kind.lower(), ""))
