"""Known values in streams of bytes."""

from __future__ import annotations

from forkpoint.redact.known import KnownValues
from forkpoint.redact.raw import RawMask
from forkpoint.redact.tokens import TokenKey
from hypothesis import given
from hypothesis import strategies as st

KEY = TokenKey(bytes(range(32)))
SECRETS = ("correct-horse", "correct-horse-battery", "gr\xfc\xdfe-aus-k\xf6ln")
KNOWN = KnownValues(SECRETS)
PIECES = st.sampled_from(
    [
        b"correct-horse",
        b"-battery",
        b"correct-",
        SECRETS[2].encode(),
        SECRETS[2].encode("latin-1"),
        KEY.token("correct-horse").encode(),
        b"\xff\x00",
        b" plain ",
    ]
)


def masked(chunks: list[bytes]) -> bytes:
    mask = RawMask(KNOWN, KEY)
    return b"".join([*map(mask.feed, chunks), mask.finish()])


@given(st.lists(PIECES, max_size=12), st.data())
def test_cuts_between_chunks_change_nothing(pieces: list[bytes], data: st.DataObject):
    whole = b"".join(pieces)
    cuts = sorted(data.draw(st.sets(st.integers(0, len(whole)), max_size=8)))
    chunks = [whole[a:b] for a, b in zip([0, *cuts], [*cuts, len(whole)], strict=True)]

    out = masked(chunks)

    assert out == masked([whole])
    assert not any(secret.encode() in out for secret in SECRETS)
    assert SECRETS[2].encode("latin-1") not in out
    assert masked([out]) == out


def test_bytes_without_a_known_value_come_out_as_they_are():
    data = bytes(range(256)) * 50

    assert masked([data[:7000], data[7000:]]) == data
    assert RawMask(KnownValues(()), KEY).feed(data) == data
