"""The redaction key of a project: from the environment, a file, or made on first use."""

from __future__ import annotations

import os
import secrets
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from pathlib import Path

from forkpoint.errors import RedactionError
from forkpoint.redact.tokens import KEY_BYTES
from forkpoint.settings import Settings

KEY_FILE = "redact.key"
"""Its name in the folder `keys` of the data folder; holds base64 and a line break."""


def project_key(settings: Settings) -> bytes:
    """32 bytes. Raises `RedactionError` (`key_missing`, `key_invalid`)."""
    if settings.redact_key is not None:
        return _decoded(settings.redact_key, source="FORKPOINT_REDACT_KEY")
    given = settings.redact_key_file
    path = given or settings.data / "keys" / KEY_FILE
    try:
        return _decoded(path.read_text(), source=str(path))
    except OSError as error:
        if given is not None:
            raise RedactionError(f"cannot read key file {path}", code="key_missing") from error
    return _made(path)


def _made(path: Path) -> bytes:
    """A new key; of two processes that make one at once, both use the one that was first."""
    draft = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    try:
        path.parent.mkdir(parents=True, mode=0o700, exist_ok=True)
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
        return _decoded(path.read_text(), source=str(path))
    except OSError as error:
        raise RedactionError(f"cannot make key file {path}", code="key_missing") from error


def _decoded(text: str, *, source: str) -> bytes:
    try:
        key = b64decode(text.strip(), validate=True)
    except (Base64Error, ValueError):
        key = b""
    if len(key) != KEY_BYTES:
        raise RedactionError(f"{source} must hold {KEY_BYTES} bytes as base64", code="key_invalid")
    return key
