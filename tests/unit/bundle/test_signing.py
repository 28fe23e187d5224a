"""Signatures of bundles: minisign's, deterministic, refused for all but what was signed."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from forkpoint.bundle import read_bundle
from forkpoint.bundle.signing import (
    check_signature,
    make_keys,
    read_public,
    read_secret,
    sign,
    signature_path,
    signed_comment,
)
from forkpoint.errors import BundleError
from unit.bundle.test_bundle import tape, written

# The published example of minisign: a signature of the four bytes `test`.
THEIR_KEY = """untrusted comment: minisign public key
RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3
"""
THEIR_SIGNATURE = """untrusted comment: signature from minisign secret key
RUQf6LRCGA9i559r3g7V1qNyJDApGip8MfqcadIgT9CuhV3EMhHoN1mGTkUidF/z7SrlQgXdy8ofjb7bNJJylDOocrCo8KLzZwo=
trusted comment: timestamp:1556193335\tfile:test
y/rUw2y8/hOUYjZU71eHp/Wo1KZ40fGy2VJEDl34XMJM+TX48Ss/17u3IvIfbVR1FkZZSNCisQbuQY+bHwhEBg==
"""


@pytest.fixture
def signed(tmp_path: Path) -> Path:
    """A bundle signed by `tmp_path/ours`."""
    path = tmp_path / "run.fpb"
    written(tape(), path)
    make_keys(tmp_path / "ours")
    with read_bundle(path) as bundle:
        comment = signed_comment(bundle.manifest)
    sign(path, read_secret(tmp_path / "ours"), comment=comment)
    return path


def refusal(path: Path, key: Path) -> str:
    with pytest.raises(BundleError) as raised:
        check_signature(path, read_public(key))
    return raised.value.code


def test_a_signature_minisign_made_is_accepted(tmp_path: Path):
    (tmp_path / "test").write_bytes(b"test")
    (tmp_path / "test.minisig").write_text(THEIR_SIGNATURE)
    (tmp_path / "their.pub").write_text(THEIR_KEY)

    comment = check_signature(tmp_path / "test", read_public(tmp_path / "their.pub"))

    assert comment == "timestamp:1556193335\tfile:test"


def test_a_signature_names_the_bundle_and_is_the_same_each_time(signed: Path):
    first = signature_path(signed).read_bytes()
    comment = check_signature(signed, read_public(signed.parent / "ours.pub"))
    sign(signed, read_secret(signed.parent / "ours"), comment=comment)

    with read_bundle(signed) as bundle:
        assert comment == f"forkpoint bundle {bundle.manifest.id}"
    assert signature_path(signed).read_bytes() == first


def test_another_bundle_key_or_comment_is_refused(signed: Path):
    ours = signed.parent / "ours.pub"
    make_keys(signed.parent / "theirs")
    assert refusal(signed, signed.parent / "theirs.pub") == "signature_invalid"

    whole = signature_path(signed).read_text()
    signature_path(signed).write_text(whole.replace("forkpoint bundle", "forkpoint bundel"))
    assert refusal(signed, ours) == "signature_invalid"

    signature_path(signed).write_text(whole)
    signed.write_bytes(signed.read_bytes() + b"x")
    assert refusal(signed, ours) == "signature_invalid"

    signature_path(signed).unlink()
    assert refusal(signed, ours) == "signature_missing"


def test_every_damaged_character_of_a_signature_is_refused(signed: Path):
    whole = signature_path(signed).read_text()
    signed_part = whole.index("\n") + 1  # the first line is what it says: untrusted
    for at in range(signed_part, len(whole) - 1):
        changed = "A" if whole[at] != "A" else "B"
        signature_path(signed).write_text(whole[:at] + changed + whole[at + 1 :])
        assert refusal(signed, signed.parent / "ours.pub") == "signature_invalid", at


def test_the_secret_key_is_its_owners_alone_and_never_replaced(tmp_path: Path):
    make_keys(tmp_path / "ours")

    assert stat.S_IMODE((tmp_path / "ours").stat().st_mode) == 0o600
    with pytest.raises(BundleError) as raised:
        make_keys(tmp_path / "ours")
    assert raised.value.code == "key_exists"


def test_the_other_half_of_a_pair_is_not_taken_for_a_key(tmp_path: Path):
    make_keys(tmp_path / "ours")
    for wrong in (
        lambda: read_secret(tmp_path / "ours.pub"),
        lambda: read_public(tmp_path / "ours"),
    ):
        with pytest.raises(BundleError) as raised:
            wrong()
        assert raised.value.code == "key_invalid"
