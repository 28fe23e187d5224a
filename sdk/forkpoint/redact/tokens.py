"""Keyed tokens `rx1_CLASS_DIGEST_CC`: the same value, key and epoch always give the same token.

A token is ASCII word characters only, so it survives JSON escapes, URLs, headers, shells and
Markdown. It is a pseudonym: equality stays visible, the value does not come back.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from base64 import b32encode
from collections.abc import Iterator
from functools import lru_cache

from forkpoint.errors import RedactionError
from forkpoint.redact.classes import class_of
from forkpoint.redact.keyfile import KEY_BYTES

GRAMMAR = re.compile(r"rx1_([A-Z]{2,12})_([a-z2-7]{16})_([a-z2-7]{2})")
TOKEN_LONGEST = 36
"""Characters of the longest token."""
_SALT = b"forkpoint/rx1"


class TokenKey:
    """The key of one project, epoch and (with isolation `run`) run; `key_id` names it in public."""

    __slots__ = ("_key", "key_id")

    def __init__(self, project_key: bytes, *, epoch: int = 1, run_id: str | None = None) -> None:
        if len(project_key) != KEY_BYTES:
            raise RedactionError(
                f"a redaction key has {KEY_BYTES} bytes, not {len(project_key)}",
                code="key_invalid",
            )
        info = f"epoch:{epoch}" + (f"|run:{run_id}" if run_id is not None else "")
        self._key = _hkdf(project_key, info=info.encode())
        self.key_id = hashlib.sha256(b"rx1-key|" + self._key).hexdigest()[:8]

    def token(self, value: str) -> str:
        """The token of a decoded string."""
        raw = value.encode("utf-8", "surrogatepass")
        digest = hmac.new(self._key, b"rx1|" + raw, hashlib.sha256).digest()[:10]
        return _with_check(class_of(value), b32encode(digest).decode().lower())


def find_tokens(text: str) -> Iterator[tuple[int, int]]:
    """Start and end of every undamaged token in a text."""
    if "rx1_" not in text:
        return
    for match in GRAMMAR.finditer(text):
        if check_characters(f"rx1_{match[1]}_{match[2]}") == match[3]:
            yield match.span()


def is_token(text: str) -> bool:
    """Whether the whole text is one undamaged token."""
    return next(find_tokens(text), None) == (0, len(text)) and bool(text)


@lru_cache(maxsize=4096)
def check_characters(stem: str) -> str:
    """The two characters that end a token, from all that stands before them."""
    return b32encode(hashlib.sha256(stem.encode()).digest()[:5]).decode().lower()[:2]


def _with_check(name: str, digest: str) -> str:
    stem = f"rx1_{name}_{digest}"
    return f"{stem}_{check_characters(stem)}"


def _hkdf(secret: bytes, *, info: bytes) -> bytes:
    """HKDF-SHA256 (RFC 5869) for an output of one block, 32 bytes."""
    extracted = hmac.new(_SALT, secret, hashlib.sha256).digest()
    return hmac.new(extracted, info + b"\x01", hashlib.sha256).digest()


CONSTANT = _with_check("CONST", "a" * 16)
"""Stands for volatile values (signatures, nonces), where a token would break matching."""
