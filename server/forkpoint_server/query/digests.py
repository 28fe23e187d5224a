"""Digests as text: base64url without padding, 43 characters."""

from __future__ import annotations

import base64
import re
import uuid

from forkpoint_server.errors import BadRequest

_UUID = re.compile(r"[0-9a-fA-F]{8}(-?[0-9a-fA-F]{4}){3}-?[0-9a-fA-F]{12}\Z")


def digest_text(digest: bytes | None) -> str | None:
    """43 characters; None stays None."""
    return None if digest is None else base64.urlsafe_b64encode(digest).decode().rstrip("=")


def read_digest(text: str) -> bytes:
    """32 bytes; raises `BadRequest` for anything else."""
    try:
        digest = base64.urlsafe_b64decode(text + "=") if len(text) == 43 else b""
    except ValueError:
        digest = b""
    if len(digest) != 32:
        raise BadRequest("a digest is 43 characters of base64url", field="digest")
    return digest


def read_run_id(text: str) -> str | None:
    """A run id as it is stored; None for text that can be no id, which is like an absent run."""
    return str(uuid.UUID(text)) if _UUID.match(text) else None
