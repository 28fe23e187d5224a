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


GAP = 2
"""Blanks between two columns."""
NARROWEST = 12
PIPE_WIDTH = 200
"""Characters of a line where no terminal says how wide it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column of a table. `width` limits cells of recorded text, in characters.

    A column with `gives` is made narrower, down to `NARROWEST`, when the terminal is too narrow.
    """

    title: str
    right: bool = False
    width: int = 60
    gives: bool = False
    style: str | None = None


@dataclass(frozen=True, slots=True)
class Output:
    """Writes to the terminal; results to stdout, remarks to stderr."""

    raw: bool = False
    console: Console = field(default_factory=lambda: _console())
    remarks: Console = field(default_factory=lambda: Console(stderr=True, highlight=False))

    def json(self, value: object) -> None:
        """One JSON document and nothing else; control characters are escaped by JSON itself."""
        click.echo(json.dumps(value, indent=2, ensure_ascii=True))

    def json_line(self, value: object) -> None:
        """One JSON document on one line, of several to come."""
        click.echo(json.dumps(value, ensure_ascii=True))

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
        """Aligned columns without lines, each cell on one line; empty columns are left out."""
        known = [
            index
            for index in range(len(columns))
            if not rows or any(str(row[index]).strip("- ") for row in rows)
        ]
        columns = [columns[index] for index in known]
        cells = [[self._cell(row[i], columns[n]) for n, i in enumerate(known)] for row in rows]
        table = Table(box=None, pad_edge=False, padding=(0, GAP, 0, 0), header_style="dim")
        for column, width in zip(columns, self._widths(columns, cells), strict=True):
            table.add_column(
                column.title,
                justify="right" if column.right else "left",
                style=column.style,
                width=width,
                no_wrap=True,
                overflow="ellipsis",
            )
        for row in cells:
            table.add_row(*row)
        self.console.print(table)

    def _widths(self, columns: Sequence[Column], rows: Sequence[Sequence[Text]]) -> list[int]:
        """Width of each column: that of its longest cell, less where the terminal is narrow."""
        widths = [
            max([len(column.title), *(row[index].cell_len for row in rows)])
            for index, column in enumerate(columns)
        ]
        excess = sum(widths) + GAP * (len(widths) - 1) - self.console.width
        for index, column in enumerate(columns):
            if column.gives and excess > 0:
                narrower = max(min(NARROWEST, widths[index]), widths[index] - excess)
                excess -= widths[index] - narrower
                widths[index] = narrower
        return widths

    def _cell(self, value: str | Text, column: Column) -> Text:
        if isinstance(value, Text):
            return value if self.raw else _harmless_text(value)
        return Text(value if self.raw else one_line(value, width=column.width))

    def _joined(self, parts: Sequence[str | Text]) -> Text:
        line = Text()
        for part in parts:
            text = part if isinstance(part, Text) else Text(part)
            line.append_text(text if self.raw else _harmless_text(text))
        return line


def styled_status(status: str) -> Text:
    """A status or verdict in its colour, with its mark so that colour is never alone."""
    word = status.lower()
    mark = STATUS_MARKS.get(word)
    return Text(f"{mark} {word}" if mark else word, style=STATUS_STYLES.get(word, ""))


def styled_kind(kind: str) -> Text:
    """A kind of step in its colour."""
    return Text(kind.lower(), style=KIND_STYLES.get(kind.lower(), ""))


def _harmless_text(text: Text) -> Text:
    """Styled text as it is when it is harmless; else its harmless form in its main style."""
    plain = harmless(text.plain)
    return text if plain == text.plain else Text(plain, style=text.style)


def _console() -> Console:
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=PIPE_WIDTH)
