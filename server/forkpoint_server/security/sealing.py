"""Sealed bodies: what the API may write and only a worker may read (redaction guide, section 2).

X25519 with an ephemeral key, HKDF-SHA256, AES-256-GCM. The API knows the public key alone, so a
stolen API process or database gives away nothing that waits for redaction.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from forkpoint.redact.keyfile import KEY_BYTES, key_of, read_or_make

from forkpoint_server.settings import SettingsError

_NONCE_BYTES = 12
_INFO = b"forkpoint.seal/1"


class SealBroken(Exception):
    """A sealed body was changed, belongs to another place, or was sealed to another key."""


class Sealer:
    """Seals bodies of one request to the key of the workers: one agreement, a nonce for each."""

    def __init__(self, public: bytes) -> None:
        self.key_id = key_id_of(public)
        ephemeral = X25519PrivateKey.generate()
        own = ephemeral.public_key().public_bytes_raw()
        shared = ephemeral.exchange(X25519PublicKey.from_public_bytes(public))
        self._own = own
        self._cipher = AESGCM(_derived(shared, own, public))

    def seal(self, body: bytes, *, place: str) -> bytes:
        """The sealed body: ephemeral key, nonce, ciphertext; `place` must be given to open it."""
        nonce = os.urandom(_NONCE_BYTES)
        return self._own + nonce + self._cipher.encrypt(nonce, body, place.encode())


class Opener:
    """The private key of the workers."""

    def __init__(self, private: bytes) -> None:
        self._private = X25519PrivateKey.from_private_bytes(private)
        self.public = self._private.public_key().public_bytes_raw()
        self.key_id = key_id_of(self.public)

    def open(self, sealed: bytes, *, place: str) -> bytes:
        """The body; raises `SealBroken`."""
        own, rest = sealed[:KEY_BYTES], sealed[KEY_BYTES:]
        try:
            shared = self._private.exchange(X25519PublicKey.from_public_bytes(own))
            cipher = AESGCM(_derived(shared, own, self.public))
            return cipher.decrypt(rest[:_NONCE_BYTES], rest[_NONCE_BYTES:], place.encode())
        except (InvalidTag, ValueError) as error:
            raise SealBroken("a sealed body does not open with this key at this place") from error


def key_id_of(public: bytes) -> str:
    """The public name of a key pair: 16 hex digits."""
    return hashlib.sha256(_INFO + public).hexdigest()[:16]


def private_key(environment: Mapping[str, str], data: Path) -> bytes:
    """The workers' key: FORKPOINT_SEAL_KEY (base64), FORKPOINT_SEAL_KEY_FILE, else `keys/seal.key`
    of the data directory, made on first use. Raises `SettingsError`.
    """
    text, given = environment.get("FORKPOINT_SEAL_KEY"), environment.get("FORKPOINT_SEAL_KEY_FILE")
    path = Path(given) if given else data / "keys" / "seal.key"
    try:
        if text:
            return key_of(text, source="FORKPOINT_SEAL_KEY")
        return key_of(path.read_text(), source=str(path)) if given else read_or_make(path)
    except ValueError as error:
        raise SettingsError(str(error)) from None
    except OSError as error:
        raise SettingsError(f"cannot read or make the key file {path}") from error


def _derived(shared: bytes, own: bytes, public: bytes) -> bytes:
    return HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=own + public, info=_INFO).derive(shared)
