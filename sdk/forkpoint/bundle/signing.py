"""Signatures of bundles: who vouches for a file, in a file beside it (`run.fpb.minisig`).

The formats are minisign's (Ed25519 over BLAKE2b-512, https://jedisct1.github.io/minisign/), so that
`minisign -Vm run.fpb -p team.pub` agrees. Both are deterministic: same bundle and key, same
signature. A bundle's own bytes stay as they are. Needs the library `cryptography`.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from forkpoint.bundle.archive import COPY_BYTES
from forkpoint.bundle.manifest import Manifest
from forkpoint.errors import BundleError

SUFFIX = ".minisig"
PUBLIC_SUFFIX = ".pub"
_KEY = b"Ed"
_PREHASHED = b"ED"
_NO_PASSWORD = b"\0\0"
_CHECKSUM = b"B2"
_SALTED_BYTES = 48
"""Salt and limits of the password hash, all zero where there is no password."""
_ID_BYTES = 8
_FILE_LIMIT = 4096
_UNTRUSTED = "untrusted comment: "
_TRUSTED = "trusted comment: "


@dataclass(frozen=True, slots=True)
class PublicKey:
    """Tells whether a signature is its pair's."""

    number: bytes
    """Eight random bytes that tell keys apart."""
    key: bytes

    @property
    def name(self) -> str:
        """The number as minisign prints it."""
        return f"{int.from_bytes(self.number, 'little'):016X}"


@dataclass(frozen=True, slots=True, repr=False)
class SecretKey:
    """Signs. `seed` never leaves its file."""

    number: bytes
    seed: bytes

    @property
    def public(self) -> PublicKey:
        """The other half of the pair."""
        key = Ed25519PrivateKey.from_private_bytes(self.seed).public_key()
        return PublicKey(self.number, key.public_bytes_raw())


def make_keys(path: Path) -> PublicKey:
    """Write a new pair: the secret key to `path`, only for its owner, the public one to `path.pub`.

    Raises `BundleError` `key_exists` rather than replace one.
    """
    secret = SecretKey(os.urandom(_ID_BYTES), os.urandom(32))
    public = secret.public
    body = secret.number + secret.seed + public.key
    checksum = hashlib.blake2b(_KEY + body, digest_size=32).digest()
    packed = _KEY + _NO_PASSWORD + _CHECKSUM + bytes(_SALTED_BYTES) + body + checksum
    _write_new(path, f"{_UNTRUSTED}forkpoint secret key {public.name}\n{_text(packed)}\n", 0o600)
    packed = _KEY + public.number + public.key
    beside = path.with_name(path.name + PUBLIC_SUFFIX)
    _write_new(beside, f"{_UNTRUSTED}minisign public key {public.name}\n{_text(packed)}\n", 0o644)
    return public


def read_secret(path: Path) -> SecretKey:
    """A secret key without a password. Raises `BundleError` `key_invalid`."""
    packed = _decoded(_lines(path, "key_invalid")[1:2], 158, path)
    number, seed = packed[54:62], packed[62:94]
    checksum = hashlib.blake2b(_KEY + packed[54:126], digest_size=32).digest()
    if packed[:6] != _KEY + _NO_PASSWORD + _CHECKSUM or checksum != packed[126:]:
        raise BundleError(
            f"{path} is no secret key without a password; make one with: forkpoint bundle keygen",
            code="key_invalid",
        )
    return SecretKey(number, seed)


def read_public(path: Path) -> PublicKey:
    """A public key. Raises `BundleError` `key_invalid`."""
    packed = _decoded(_lines(path, "key_invalid")[1:2], 42, path)
    if packed[:2] != _KEY:
        raise BundleError(f"{path} is no public key", code="key_invalid")
    return PublicKey(packed[2:10], packed[10:])


def signed_comment(manifest: Manifest) -> str:
    """What a signature says of a bundle: nothing that changes from one signing to the next."""
    return f"forkpoint bundle {manifest.id}"


def sign(path: Path, key: SecretKey, *, comment: str) -> Path:
    """Write the signature of a file beside it; where it is. `comment` is signed too."""
    private = Ed25519PrivateKey.from_private_bytes(key.seed)
    signature = private.sign(_prehash(path))
    lines = (
        f"{_UNTRUSTED}signature by {key.public.name}",
        _text(_PREHASHED + key.number + signature),
        f"{_TRUSTED}{comment}",
        _text(private.sign(signature + comment.encode())),
    )
    beside = signature_path(path)
    beside.write_text("\n".join(lines) + "\n")
    return beside


def check_signature(path: Path, key: PublicKey) -> str:
    """The signed comment, once the signature beside a file is proved to be of this key.

    Raises `BundleError` `signature_missing` or `signature_invalid`.
    """
    lines = _lines(signature_path(path), "signature_missing")
    if len(lines) != 4 or not lines[2].startswith(_TRUSTED):
        raise _invalid(path, "its file is damaged")
    packed = _signature_bytes(lines[1], 74, path)
    over_all = _signature_bytes(lines[3], 64, path)
    if packed[2:10] != key.number:
        raise _invalid(path, f"it is not by {key.name}")
    if packed[:2] != _PREHASHED:
        raise _invalid(path, "it is of an older kind that is not accepted")
    comment = lines[2].removeprefix(_TRUSTED)
    public = Ed25519PublicKey.from_public_bytes(key.key)
    try:
        public.verify(packed[10:], _prehash(path))
        public.verify(over_all, packed[10:] + comment.encode())
    except InvalidSignature:
        raise _invalid(path, "the file or its comment is not what was signed") from None
    return comment


def signature_path(path: Path) -> Path:
    """Where the signature of a file is."""
    return path.with_name(path.name + SUFFIX)


def _prehash(path: Path) -> bytes:
    digest = hashlib.blake2b()
    try:
        with path.open("rb") as file:
            while chunk := file.read(COPY_BYTES):
                digest.update(chunk)
    except OSError as error:
        raise BundleError(f"cannot read {path}: {error.strerror}", code="not_a_file") from None
    return digest.digest()


def _lines(path: Path, missing: str) -> list[str]:
    try:
        with path.open("rb") as file:
            return file.read(_FILE_LIMIT).decode().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise BundleError(f"cannot read {path}: {error}", code=missing) from None


def _decoded(lines: list[str], size: int, path: Path) -> bytes:
    try:
        packed = base64.b64decode(lines[0], validate=True) if lines else b""
    except (binascii.Error, ValueError):
        packed = b""
    if len(packed) != size:
        raise BundleError(f"{path} is no key of minisign's format", code="key_invalid")
    return packed


def _signature_bytes(line: str, size: int, path: Path) -> bytes:
    try:
        packed = base64.b64decode(line, validate=True)
    except (binascii.Error, ValueError):
        packed = b""
    if len(packed) != size or _text(packed) != line:  # Base64 has spare bits at its end
        raise _invalid(path, "its file is damaged")
    return packed


def _invalid(path: Path, why: str) -> BundleError:
    return BundleError(f"signature of {path} refused: {why}", code="signature_invalid")


def _text(packed: bytes) -> str:
    return base64.b64encode(packed).decode()


def _write_new(path: Path, text: str, mode: int) -> None:
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    except FileExistsError:
        raise BundleError(f"{path} is there already", code="key_exists") from None
    except OSError as error:
        raise BundleError(f"cannot write {path}: {error.strerror}", code="not_a_file") from None
    with os.fdopen(handle, "w") as file:
        file.write(text)
