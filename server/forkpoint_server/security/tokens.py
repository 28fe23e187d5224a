"""The format of tokens: `fp_<kind>_<id8>_<secret27>_<crc6>`, all base62.

The secret has 160 bits; stored are only its SHA-256 and the id. The CRC-32 lets a typing error be
refused without a query. No I/O here.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import zlib
from dataclasses import dataclass
from typing import Literal, cast

TokenKind = Literal["pat", "svc", "run"]

_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_PATTERN = re.compile(
    r"fp_(?P<kind>pat|svc|run)_(?P<id>[0-9A-Za-z]{8})_(?P<secret>[0-9A-Za-z]{27})_(?P<crc>[0-9A-Za-z]{6})"
)
ID_BYTES = 5
SECRET_BYTES = 20
DAY_NS = 86_400 * 1_000_000_000
DEFAULT_DAYS = 90
LONGEST_DAYS = 365


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """A token as its owner holds it; `text` is shown once and never stored."""

    kind: TokenKind
    token_id: str
    secret: str

    @property
    def text(self) -> str:
        """The whole token with its checksum."""
        body = f"fp_{self.kind}_{self.token_id}_{self.secret}"
        return f"{body}_{checksum(body)}"

    @property
    def secret_sha256(self) -> bytes:
        """What the database keeps of the secret."""
        return hashlib.sha256(self.secret.encode()).digest()

    def matches(self, stored: bytes) -> bool:
        """Whether the stored digest is that of this secret, in constant time."""
        return hmac.compare_digest(self.secret_sha256, stored)


def make_token(kind: TokenKind, random: bytes) -> Token:
    """A token of at least 25 random bytes."""
    return Token(
        kind=kind,
        token_id=base62(int.from_bytes(random[:ID_BYTES], "big"), width=8),
        secret=base62(int.from_bytes(random[ID_BYTES : ID_BYTES + SECRET_BYTES], "big"), width=27),
    )


def read_token(text: str) -> Token | None:
    """The token a text stands for; None if its form or its checksum is wrong."""
    found = _PATTERN.fullmatch(text)
    if not found or checksum(text[:-7]) != found["crc"]:
        return None
    # the pattern admits the three kinds only
    kind = cast("TokenKind", found["kind"])
    return Token(kind=kind, token_id=found["id"], secret=found["secret"])


def checksum(body: str) -> str:
    """CRC-32 of the text before the last underscore, as six base62 digits."""
    return base62(zlib.crc32(body.encode()), width=6)


def base62(number: int, *, width: int) -> str:
    """The number in base 62, padded on the left with zeros."""
    digits: list[str] = []
    while number:
        number, digit = divmod(number, 62)
        digits.append(_DIGITS[digit])
    return "".join(reversed(digits)).rjust(width, "0")
