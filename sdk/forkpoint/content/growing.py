"""Values that grow: a list, a text or bytes encoded as they come, with a root at every moment."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence

from forkpoint.content.blocks import Digest, Sink, Value, counted_reference
from forkpoint.content.chunking import CHUNK_WEIGHT
from forkpoint.content.chunking import Sequence as Chunked
from forkpoint.content.encode import Writer, chunk_sink
from forkpoint.content.errors import LimitExceeded
from forkpoint.content.limits import LIMITS, Limits
from forkpoint.content.lines import PIECE_BYTES, TEXT_BYTES, Lines


class ListEncoder:
    """A list encoded item by item; `root()` is what `encode` of the whole list would return.

    Closed groups go to the sink at once; memory is a few cells per level.
    """

    __slots__ = ("_count", "_sequence", "_writer")

    def __init__(self, sink: Sink, limits: Limits = LIMITS) -> None:
        self._writer = Writer(sink, limits)
        self._sequence = Chunked(self._writer.put)
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def push(self, item: Value) -> None:
        """Append a value."""
        self._writer.renew()
        self.push_cell(self._writer.cell(item, 2))

    def push_cell(self, cell: bytes) -> None:
        """Append the cell of a value whose blocks the sink has."""
        self.push_cells((cell,))

    def push_cells(self, cells: Sequence[bytes]) -> None:
        """Append many cells at once."""
        self._writer.renew()
        self._count += len(cells)
        limits = self._writer.limits
        if self._count > limits.entries:
            raise LimitExceeded("entries", limits.entries)
        self._sequence.extend(cells)

    def root(self) -> Digest:
        """The digest of the list as it is now; its last blocks go to the sink."""
        self._writer.renew()
        return self._writer.put(self._sequence.body(None))

    def cell(self) -> bytes:
        """The list as a cell of another value."""
        self._writer.renew()
        return self._writer.cell_of(self._sequence.body(None))

    def copy(self) -> ListEncoder:
        """The same list, growing on its own from here."""
        twin = ListEncoder.__new__(ListEncoder)
        twin._writer, twin._count = self._writer, self._count
        twin._sequence = self._sequence.copy()
        return twin


class TextEncoder:
    """A text encoded as it streams; `root()` is what `encode` of the whole text would return."""

    __slots__ = ("_bytes", "_lines", "_parts", "_sequence", "_whole", "_writer")

    def __init__(self, sink: Sink, limits: Limits = LIMITS) -> None:
        self._writer = Writer(sink, limits)
        self._sequence = Chunked(self._writer.put, unit=CHUNK_WEIGHT)
        self._lines: Lines | None = None
        self._parts: list[str] = []
        self._bytes = 0
        self._whole = False

    def write(self, text: str) -> None:
        """Append text. A lone surrogate anywhere makes the whole one block, so parts are kept."""
        self._writer.renew()
        self._parts.append(text)
        try:
            raw = text.encode()
        except UnicodeEncodeError:
            self._whole = True
            return
        self._bytes += len(raw)
        if self._bytes > self._writer.limits.string_bytes:
            raise LimitExceeded("string_bytes", self._writer.limits.string_bytes)
        if self._whole or self._bytes <= TEXT_BYTES:
            return
        if self._lines is None:
            self._lines = Lines(chunk_sink(self._writer, self._sequence))
            raw = "".join(self._parts).encode()
        self._lines.feed(raw)

    def root(self) -> Digest:
        """The digest of the text as it is now; its last blocks go to the sink."""
        self._writer.renew()
        if self._whole or self._lines is None:
            return self._writer.put(self._writer.string_body("".join(self._parts)))
        sequence = self._sequence.copy()
        lines = self._lines.copy(chunk_sink(self._writer, sequence))
        lines.finish()
        return self._writer.put(sequence.body(b"s"))


class BytesEncoder:
    """Bytes encoded as they stream; `root()` is what `encode` of all of them would return.

    Holds less than one piece (12,288 bytes) and a few cells per level, whatever their number.
    """

    __slots__ = ("_count", "_limit", "_rest", "_sequence", "_writer")

    def __init__(self, sink: Sink, limits: Limits = LIMITS) -> None:
        self._writer = Writer(sink, limits)
        self._sequence = Chunked(self._writer.put, unit=CHUNK_WEIGHT)
        self._rest = b""
        self._count = 0
        self._limit = limits.string_bytes

    def __len__(self) -> int:
        return self._count

    def write(self, data: bytes) -> None:
        """Append bytes. Raises `LimitExceeded` beyond `limits.string_bytes` in all."""
        self._count += len(data)
        if self._count > self._limit:
            raise LimitExceeded("string_bytes", self._limit)
        self._writer.renew()
        self._rest += data
        # The last piece stays open: bytes of one piece at most are a plain string.
        whole = (len(self._rest) - 1) // PIECE_BYTES * PIECE_BYTES
        if whole > 0:
            for start in range(0, whole, PIECE_BYTES):
                _push_piece(self._writer, self._sequence, self._rest[start : start + PIECE_BYTES])
            self._rest = self._rest[whole:]

    def root(self) -> Digest:
        """The digest of the bytes as they are now; their last blocks go to the sink."""
        self._writer.renew()
        if self._count <= PIECE_BYTES:
            return self._writer.put(self._writer.bytes_body(self._rest))
        sequence = self._sequence.copy()
        _push_piece(self._writer, sequence, self._rest)
        return self._writer.put(sequence.body(b"y"))


def _push_piece(writer: Writer, sequence: Chunked, piece: bytes) -> None:
    digest = writer.put(b'"~b%s"' % b64encode(piece))
    sequence.push(counted_reference(digest, len(piece)), len(piece))
