"""Files that hold one 32-byte key as base64 and a line break, readable by their owner alone."""

from __future__ import annotations

import os
import secrets
from base64 import b64decode, b64encode
from pathlib import Path

KEY_BYTES = 32


def key_of(text: str, *, source: str) -> bytes:
    """The key that a text holds; `ValueError` names `source`, never the text."""
    try:
        key = b64decode(text.strip(), validate=True)
    except ValueError:
        key = b""
    if len(key) != KEY_BYTES:
        raise ValueError(f"{source} must hold {KEY_BYTES} bytes as base64")
    return key


def read_or_make(path: Path) -> bytes:
    """The key of a file, made if it is not there. Raises `OSError` and `ValueError`.

    Of two processes that make one at once, both use the one that was first.
    """
    if not path.exists():
        _make(path)
    return key_of(path.read_text(), source=str(path))


def _make(path: Path) -> None:
    path.parent.mkdir(parents=True, mode=0o700, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(b64encode(secrets.token_bytes(KEY_BYTES)) + b"\n")
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
