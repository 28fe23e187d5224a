"""Identifiers and secrets as user code draws them: `uuid`, `os.urandom`, `secrets`."""

from __future__ import annotations

import os
import secrets
import uuid
from base64 import urlsafe_b64encode
from collections.abc import Callable
from typing import Any

from forkpoint.capture.chance import Chance
from forkpoint.capture.drawing import drawing, dressed, octets

_URANDOM = os.urandom
_UUID1, _UUID4 = uuid.uuid1, uuid.uuid4
_TOKENS = (secrets.token_bytes, secrets.token_hex, secrets.token_urlsafe)


def patched_identifiers() -> dict[tuple[Any, str], Callable[..., Any]]:
    """What takes the place of these functions, by module and name."""
    hidden = Chance(secrets.SystemRandom())
    return {
        (uuid, "uuid1"): dressed(_uuid1, _UUID1),
        (uuid, "uuid4"): dressed(_uuid4, _UUID4),
        (os, "urandom"): dressed(_urandom, _URANDOM),
        (secrets, "token_bytes"): _token(_TOKENS[0], bytes),
        (secrets, "token_hex"): _token(_TOKENS[1], bytes.hex),
        (secrets, "token_urlsafe"): _token(_TOKENS[2], _urlsafe),
        (secrets, "randbits"): _either(secrets.randbits, hidden.getrandbits),
        (secrets, "randbelow"): _either(secrets.randbelow, hidden.randrange),
        (secrets, "choice"): _either(secrets.choice, hidden.choice),
    }


def _uuid1(node: int | None = None, clock_seq: int | None = None) -> uuid.UUID:
    frame = drawing()
    if frame is None:
        return _UUID1(node, clock_seq)
    return uuid.UUID(bytes=octets(frame, 16, lambda: _UUID1(node, clock_seq).bytes))


def _uuid4() -> uuid.UUID:
    frame = drawing()
    if frame is None:
        return _UUID4()
    return uuid.UUID(bytes=octets(frame, 16, lambda: _URANDOM(16)), version=4)


def _urandom(size: int, /) -> bytes:
    frame = drawing()
    return _URANDOM(size) if frame is None else octets(frame, size, lambda: _URANDOM(size))


def _token(stock: Callable[..., Any], form: Callable[[bytes], Any]) -> Callable[..., Any]:
    def token(nbytes: int | None = None) -> Any:
        frame = drawing()
        if frame is None:
            return stock(nbytes)
        size = secrets.DEFAULT_ENTROPY if nbytes is None else nbytes
        return form(octets(frame, size, lambda: _URANDOM(size)))

    return dressed(token, stock)


def _urlsafe(made: bytes) -> str:
    return urlsafe_b64encode(made).rstrip(b"=").decode()


def _either(stock: Callable[..., Any], ours: Callable[..., Any]) -> Callable[..., Any]:
    def choose(*args: Any) -> Any:
        return (stock if drawing() is None else ours)(*args)

    return dressed(choose, stock)
