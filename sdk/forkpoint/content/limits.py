"""Bounds of one content tree, so that no value can exhaust its reader or writer."""

from __future__ import annotations

from dataclasses import dataclass

BODY_BYTES = 131_072
"""The largest body of a block that ingest takes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What `encode` and `decode` refuse to go beyond, with `LimitExceeded(name, limit)`."""

    snapshot_bytes: int = 64 * 2**20
    """Bytes of all blocks that one `encode` writes, and of one snapshot."""
    string_bytes: int = 16 * 2**20
    """UTF-8 bytes of one string, or bytes of one bytes value."""
    entries: int = 1_000_000
    """Items of one list, or entries of one dict."""
    depth: int = 64
    """Containers inside each other."""
    integer_digits: int = 4_300
    """Decimal digits of one integer."""
    decode_bytes: int = 256 * 2**20
    """Bytes of bodies that one `decode` expands, shared blocks counted each time."""


LIMITS = Limits()
"""The limits of format `content/1`."""
