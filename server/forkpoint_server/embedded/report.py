"""What the terminal shows while the stack starts: one aligned row for each part, as it stands."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

_NAME_WIDTH = 10
_WORDS_WIDTH = 46
_BOLD, _DIM, _GREEN, _RED, _CYAN = "1", "2", "32", "31", "36"


@dataclass(frozen=True, slots=True)
class Report:
    """Writes for people; colours only where somebody looks at a terminal."""

    stream: TextIO
    coloured: bool
    began: float = field(default_factory=time.perf_counter)

    def open(self, data: Path) -> None:
        """The first line."""
        self._line(f"{self._in(_BOLD, 'Forkpoint')}  {self._in(_DIM, str(data))}\n")

    def part(self, name: str, words: str, seconds: float | None) -> None:
        """One part stands, or something happened to it."""
        took = "" if seconds is None else self._in(_DIM, f"{seconds:6.2f} s")
        mark = self._in(_GREEN, "•")
        self._line(f"  {mark} {name:<{_NAME_WIDTH}} {words:<{_WORDS_WIDTH}} {took}".rstrip())

    def ready(self, url: str, *, logs: Path) -> None:
        """Everything stands."""
        took = time.perf_counter() - self.began
        shown = self._in(f"{_BOLD};{_CYAN}", url)
        self._line(f"\n  Open {shown}   {self._in(_DIM, f'ready in {took:.2f} s')}")
        self._line(self._in(_DIM, f"  Ctrl-C ends it, nothing is lost. Logs: {logs}"))

    def failed(self, message: str, *, tail: str = "") -> None:
        """It could not start or go on; `tail` is the end of a log."""
        if tail:
            self._line("\n" + "".join(f"  | {line}\n" for line in tail.splitlines()))
        self._line(f"{self._in(_RED, 'error:')} {message}")

    def say(self, words: str) -> None:
        """One plain line."""
        self._line(words)

    def _line(self, text: str) -> None:
        self.stream.write(f"{text}\n")
        self.stream.flush()

    def _in(self, code: str, text: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self.coloured else text


def report_to(stream: TextIO, environment: Mapping[str, str]) -> Report:
    """A report for this stream; NO_COLOR (no-color.org) turns colours off."""
    return Report(stream, coloured=stream.isatty() and not environment.get("NO_COLOR"))
