"""Raw bytes: known values are masked as they stream by, whatever the cuts between chunks."""

from __future__ import annotations

from collections.abc import Iterator

from forkpoint.redact.known import KnownValues
from forkpoint.redact.tokens import TOKEN_LONGEST, TokenKey, find_tokens


class RawMask:
    """Masks the known values of one stream of bytes; holds back as much as a value may be long.

    However the stream is cut, what comes out is what one chunk would have given. A value is found
    in the bytes of its UTF-8 and of its Latin-1 form; tokens that stand there already stay.
    """

    __slots__ = ("_buffer", "_held", "_key", "_known")

    def __init__(self, known: KnownValues, key: TokenKey) -> None:
        self._known = known
        self._key = key
        self._held = max(known.longest, TOKEN_LONGEST)
        self._buffer = ""

    def feed(self, chunk: bytes) -> bytes:
        """Take the next bytes; returns those that no later byte can change any more."""
        if not self._known:
            return chunk
        self._buffer += chunk.decode("latin-1")  # a character for each byte: offsets are equal
        return self._upto(len(self._buffer) - self._held)

    def finish(self) -> bytes:
        """The rest of the stream."""
        return self._upto(len(self._buffer)) if self._known else b""

    def _upto(self, cut: int) -> bytes:
        """Mask and let go everything that begins before `cut`."""
        if cut <= 0:
            return b""
        text, parts, done = self._buffer, list[str](), 0
        for start, end, value in self._found(text):
            if start >= cut:
                break
            parts.append(text[done:start])
            parts.append(text[start:end] if value is None else self._key.token(value))
            done = end
        if done < cut:
            parts.append(text[done:cut])
            done = cut
        self._buffer = text[done:]
        return "".join(parts).encode("latin-1")

    def _found(self, text: str) -> Iterator[tuple[int, int, str | None]]:
        """Tokens (no value) and known values outside of them, in order, none overlapping."""
        done = 0
        for start, end in find_tokens(text):
            yield from self._values(text, done, start)
            yield start, end, None
            done = end
        yield from self._values(text, done, len(text))

    def _values(self, text: str, start: int, stop: int) -> Iterator[tuple[int, int, str | None]]:
        stretch = text if (start, stop) == (0, len(text)) else text[start:stop]
        for left, right, value in self._known.find_raw(stretch):
            yield start + left, start + right, value
