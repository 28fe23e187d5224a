"""Signatures: one digest of everything that can change a call's answer."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256

from forkpoint.content.blocks import Digest, digest_bytes
from forkpoint.events.canonical import key_bytes, sorted_keys, string_bytes

VERSION = "sig/1"


def signature(kind: str, name: str, parts: Mapping[str, Digest]) -> Digest:
    """SHA-256 of the canonical form of kind, name and the roots of the parts that are present."""
    roots = b",".join(
        [key_bytes(part) + b'"%s"' % digest_bytes(parts[part]) for part in sorted_keys(parts)]
    )
    named = string_bytes(kind), string_bytes(name), roots, string_bytes(VERSION)
    return sha256(b'{"kind":%s,"name":%s,"parts":{%s},"v":%s}' % named).digest()
