"""Signatures: one digest of everything that can change a call's answer."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256

from forkpoint.content.blocks import Digest, digest_text
from forkpoint.events.canonical import canonical_bytes

VERSION = "sig/1"


def signature(kind: str, name: str, parts: Mapping[str, Digest]) -> Digest:
    """SHA-256 of the canonical form of kind, name and the roots of the parts that are present."""
    roots = {part: digest_text(root) for part, root in parts.items()}
    return sha256(
        canonical_bytes({"kind": kind, "name": name, "parts": roots, "v": VERSION})
    ).digest()
