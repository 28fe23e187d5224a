"""Blocks: bodies, digests and references, as format `content/1` writes them."""

from __future__ import annotations

import re
from binascii import Error as Base64Error
from binascii import a2b_base64, b2a_base64
from collections.abc import Callable, Collection, Mapping
from hashlib import sha256
from typing import NamedTuple, TypeAlias

from forkpoint.content.errors import CorruptBlock, MissingBlock
from forkpoint.events.ids import Root

FORMAT = "content/1"
"""Written beside roots; roots of different formats are incomparable, never different."""

Scalar: TypeAlias = bool | int | float | str | bytes | None
Value: TypeAlias = "Scalar | list[Value] | tuple[Value, ...] | dict[Key, Value]"
Key: TypeAlias = "Scalar | tuple[Key, ...]"

Digest: TypeAlias = bytes
"""SHA-256 of a body: 32 bytes."""
Sink: TypeAlias = Callable[[Digest, bytes], None]
"""Takes each block, children before parents; the same block may come more than once."""
Get: TypeAlias = Callable[[Collection[Digest]], Mapping[Digest, bytes]]
"""Bodies of those digests a store has; called once per level of a tree."""

REFERENCE = re.compile(rb'(?:^|[\[,:])"~:([A-Za-z0-9_-]{43})(?::[0-9]+)?"(?=[,\]}]|$)')
"""Finds the references of a body and nothing else: user strings never start so."""

INLINE_BYTES = 160
"""A cell of at most so many bytes stands inside its parent."""
LONG_TAGS = (b'["~l"', b'["~m"', b'["~d"', b'["~s"', b'["~y"')
"""Starts of the bodies that always are blocks of their own."""

_COUNTED = re.compile(rb'(?:^|[\[,:])"~:([A-Za-z0-9_-]{43})(?::([0-9]+))?"(?=[,\]}]|$)')
_TO_URL = bytes.maketrans(b"+/", b"-_")
_FROM_URL = bytes.maketrans(b"-_", b"+/")
_DIGEST_TEXT = re.compile(r"[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]\Z")


class Ref(NamedTuple):
    """A reference in a body: the block, and how many items or bytes it claims to hold."""

    digest: Digest
    count: int | None  # pyright: ignore[reportIncompatibleMethodOverride] -- the format's word


def digest_of(body: bytes) -> Digest:
    """The digest of a body: SHA-256 of exactly its bytes."""
    return sha256(body).digest()


def digest_text(digest: Digest) -> Root:
    """A digest as base64url without padding, 43 characters."""
    return Root(digest_bytes(digest).decode())


def digest_from_text(text: str) -> Digest:
    """The digest of a text that `digest_text` wrote; anything else is a `CorruptBlock`."""
    if not _DIGEST_TEXT.match(text):
        raise CorruptBlock(text[:43], "not the text of a digest")
    try:
        return _unurl64(text.encode())
    except Base64Error as why:
        raise CorruptBlock(text[:43], "not the text of a digest") from why


def reference(digest: Digest) -> bytes:
    """A cell that stands for a block: `"~:<43>"`."""
    return b'"~:' + digest_bytes(digest) + b'"'


def counted_reference(digest: Digest, count: int) -> bytes:
    """A reference that also says how many items (bytes, for text) stand behind it."""
    return b'"~:%s:%d"' % (digest_bytes(digest), count)


def is_inline(body: bytes) -> bool:
    """Whether a body may stand as a cell in its parent."""
    return len(body) <= INLINE_BYTES and not body.startswith(LONG_TAGS)


def holds_reference(cell: bytes) -> bool:
    """Whether a cell is or contains a reference."""
    return b'"~:' in cell and REFERENCE.search(cell) is not None


def references(body: bytes) -> list[Ref]:
    """Every reference of a body, in order, repeated ones too."""
    if b'"~:' not in body:
        return []
    return [
        Ref(_unurl64(text), int(count) if count else None) for text, count in _COUNTED.findall(body)
    ]


def children(body: bytes) -> list[Digest]:
    """Digests of the references of a body, in order."""
    if b'"~:' not in body:
        return []
    return [_unurl64(text) for text in REFERENCE.findall(body)]


def load(digests: Collection[Digest], get: Get) -> dict[Digest, bytes]:
    """Exactly these blocks, each proved by its digest; `MissingBlock` or `CorruptBlock` else."""
    found = get(digests)
    blocks: dict[Digest, bytes] = {}
    for digest in digests:
        body = found.get(digest)
        if body is None:
            raise MissingBlock(digest_text(digest))
        if sha256(body).digest() != digest:
            raise CorruptBlock(digest_text(digest), "digest differs")
        blocks[digest] = body
    return blocks


def digest_bytes(digest: Digest) -> bytes:
    """As `digest_text`, in ASCII."""
    return b2a_base64(digest, newline=False).translate(_TO_URL)[:43]


def _unurl64(text: bytes) -> Digest:
    return a2b_base64(text.translate(_FROM_URL) + b"=")
