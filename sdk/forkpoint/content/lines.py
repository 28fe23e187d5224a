"""Where long texts are cut: at lines, by the rule of `chunking`."""

from __future__ import annotations

from collections.abc import Callable
from zlib import crc32

from forkpoint.content.chunking import CELL_WEIGHT, CRC_SHIFT, GROUP_LEAST, GROUP_MOST

TEXT_BYTES = 8192
"""A string of more UTF-8 bytes is written as chunks of lines."""
PIECE_BYTES = 12_288
"""A bytes value of more is written as pieces of so many."""


class Lines:
    """Cuts a text into groups of whole lines as it comes; each group goes to `emit`.

    A unit is a line with its newline; one longer than `GROUP_MOST` is cut at a character.
    """

    __slots__ = ("_candidate", "_emit", "_open", "_partial", "_w")

    def __init__(self, emit: Callable[[bytes], None]) -> None:
        self._emit = emit
        self._open: list[bytes] = []
        self._w = 0
        self._candidate = False
        self._partial: list[bytes] = []

    def feed(self, data: bytes) -> None:
        """Take more UTF-8 bytes; they may end inside a line."""
        cut = data.rfind(b"\n")
        if cut < 0:
            self._partial.append(data)
            return
        lines = b"".join(self._partial) + data[:cut]
        self._partial = [data[cut + 1 :]]
        for line in lines.split(b"\n"):
            self._add(line, b"\n")

    def finish(self) -> None:
        """The text ends here."""
        last = b"".join(self._partial)
        if last:
            self._add(last, b"")
        if self._open:
            self._emit(b"".join(self._open))
            self._open = []

    def copy(self, emit: Callable[[bytes], None]) -> Lines:
        """The same state, going on on its own."""
        twin = Lines(emit)
        twin._open, twin._w = self._open.copy(), self._w
        twin._candidate, twin._partial = self._candidate, self._partial.copy()
        return twin

    def _add(self, line: bytes, newline: bytes) -> None:
        before = self._candidate
        self._candidate = crc32(line) >> CRC_SHIFT < min(len(line), CELL_WEIGHT)
        weight = len(line) + len(newline)
        if self._open and (
            (self._candidate and not before and self._w > GROUP_LEAST)
            or self._w + weight > GROUP_MOST
        ):
            self._emit(b"".join(self._open))
            self._open, self._w = [], 0
        if weight > GROUP_MOST:
            self._open = [self._cut(line + newline)]
            self._w = len(self._open[0])
            return
        self._open += (line, newline)
        self._w += weight

    def _cut(self, text: bytes) -> bytes:
        """Emit the front of an overlong line; what is left stays in the open group."""
        start = 0
        while len(text) - start > GROUP_MOST:
            end = start + GROUP_MOST
            while text[end] & 0xC0 == 0x80:
                end -= 1
            self._emit(text[start:end])
            start = end
        return text[start:]
