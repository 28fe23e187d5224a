"""Content tree: a value becomes immutable blocks and back; it does no I/O and reads no clock."""

from __future__ import annotations

from forkpoint.content.blocks import (
    FORMAT,
    REFERENCE,
    Digest,
    Get,
    Key,
    Ref,
    Sink,
    Value,
    children,
    digest_from_text,
    digest_of,
    digest_text,
)
from forkpoint.content.cache import CellCache
from forkpoint.content.check import check_body
from forkpoint.content.compare import Op, Tag, compare
from forkpoint.content.decode import decode, verify
from forkpoint.content.encode import encode
from forkpoint.content.errors import (
    ContentError,
    CorruptBlock,
    LimitExceeded,
    MissingBlock,
    NotEncodable,
    UnsupportedFormat,
)
from forkpoint.content.growing import BytesEncoder, ListEncoder, TextEncoder
from forkpoint.content.limits import BODY_BYTES, LIMITS, Limits
from forkpoint.content.listed import ListReader
from forkpoint.content.parts import Kind
from forkpoint.content.rewrite import rewrite
from forkpoint.content.shape import restore, shape
from forkpoint.content.signature import signature
from forkpoint.content.snapshot import restore_snapshot, snapshot
from forkpoint.content.store import BlockStore, MemoryBlocks
from forkpoint.content.tracker import Fed, How, Tracker
from forkpoint.content.tree import contains, walk

__all__ = [
    "BODY_BYTES",
    "FORMAT",
    "LIMITS",
    "REFERENCE",
    "BlockStore",
    "BytesEncoder",
    "CellCache",
    "ContentError",
    "CorruptBlock",
    "Digest",
    "Fed",
    "Get",
    "How",
    "Key",
    "Kind",
    "LimitExceeded",
    "Limits",
    "ListEncoder",
    "ListReader",
    "MemoryBlocks",
    "MissingBlock",
    "NotEncodable",
    "Op",
    "Ref",
    "Sink",
    "Tag",
    "TextEncoder",
    "Tracker",
    "UnsupportedFormat",
    "Value",
    "check_body",
    "children",
    "compare",
    "contains",
    "decode",
    "digest_from_text",
    "digest_of",
    "digest_text",
    "encode",
    "restore",
    "restore_snapshot",
    "rewrite",
    "shape",
    "signature",
    "snapshot",
    "verify",
    "walk",
]
