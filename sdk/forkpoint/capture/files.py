"""Attached files: held still in the caller's thread, read and masked in the background.

Bytes and small files are taken at once. A larger file is held by its descriptor, so that it may be
renamed or deleted; one that is written to before it was read is withheld as `changed`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from forkpoint.capture.held import Held, HeldBytes, open_file
from forkpoint.capture.items import Withheld
from forkpoint.content.blocks import Digest, Sink
from forkpoint.content.growing import BytesEncoder
from forkpoint.content.limits import LIMITS
from forkpoint.redact.engine import Redactor

AT_ONCE = 1 << 20
"""Bytes of a file that are read in the caller's thread."""
TEXT_BYTES = 16 << 20
"""Bytes of a text that are masked as a text: names in it are read, not only known values."""


def hold(data: bytes | Path, *, most: int) -> Held | Withheld:
    """Hold what was attached, or say why it is withheld: `too_large`, `overload`.

    Raises `OSError` for a file that cannot be read: that is the caller's mistake.
    """
    if isinstance(data, bytes):
        return Withheld("too_large", len(data)) if len(data) > most else HeldBytes(data)
    size = data.stat().st_size
    if size > most:
        return Withheld("too_large", size)
    if size <= AT_ONCE:
        return HeldBytes(data.read_bytes())
    return open_file(data) or Withheld("overload", size)


def store_file(held: Held, redactor: Redactor, sink: Sink) -> tuple[Digest, int, bool]:
    """Encode a file: its root, its masked size, and whether all rules were applied to it.

    A text of up to 16 MiB is masked as a text; other bytes, for known values alone. A longer text
    in which a name may speak for a secret has not seen all rules. Raises `FileChanged`.
    """
    try:
        text = _text_of(held)
        chunks: Iterator[bytes]
        if isinstance(text, str):
            masked = redactor.redact(text)
            chunks = iter([text.encode() if masked is text else str(masked).encode()])
        else:
            chunks = text
        return _stored(chunks, redactor, sink, whole=isinstance(text, str))
    finally:
        held.close()


def _text_of(held: Held) -> str | Iterator[bytes]:
    """The text of a file that is one and not too long; else its bytes."""
    if held.size > TEXT_BYTES:
        return held.chunks()
    data = b"".join(held.chunks())
    try:
        return data.decode()
    except UnicodeDecodeError:
        return iter([data])


def _stored(
    chunks: Iterator[bytes], redactor: Redactor, sink: Sink, *, whole: bool
) -> tuple[Digest, int, bool]:
    encoder = BytesEncoder(sink, replace(LIMITS, string_bytes=1 << 62))
    mask = redactor.raw()
    binary, suspicious = False, False
    for chunk in chunks:
        binary = binary or b"\0" in chunk
        suspicious = suspicious or redactor.may_hide(chunk.decode("latin-1"))
        encoder.write(chunk if whole else mask.feed(chunk))
    if not whole:
        encoder.write(mask.finish())
    return encoder.root(), len(encoder), whole or binary or not suspicious
