"""Bytes that stream into the content tree."""

from __future__ import annotations

import pytest
from forkpoint.content import BytesEncoder, Digest, LimitExceeded, Limits, encode
from hypothesis import given
from hypothesis import strategies as st

SIZES = st.one_of(st.integers(0, 200), st.sampled_from([12_287, 12_288, 12_289, 24_576, 400_000]))


def blocks_of(parts: list[bytes]) -> tuple[Digest, dict[Digest, bytes]]:
    blocks: dict[Digest, bytes] = {}
    encoder = BytesEncoder(blocks.__setitem__)
    for part in parts:
        encoder.write(part)
    return encoder.root(), blocks


@given(st.lists(SIZES, max_size=6), st.integers(0, 255))
def test_bytes_have_the_root_of_the_whole_however_they_were_cut(sizes: list[int], seed: int):
    parts = [bytes((seed + at * 31) % 256 for at in range(size)) for size in sizes]
    whole: dict[Digest, bytes] = {}

    root, blocks = blocks_of(parts)

    assert root == encode(b"".join(parts), whole.__setitem__)
    assert blocks == whole


def test_bytes_go_on_growing_after_a_root_was_taken():
    encoder = BytesEncoder(lambda digest, body: None)
    encoder.write(b"a" * 30_000)
    first = encoder.root()
    encoder.write(b"b" * 30_000)

    assert first == blocks_of([b"a" * 30_000])[0]
    assert encoder.root() == blocks_of([b"a" * 30_000 + b"b" * 30_000])[0]
    assert len(encoder) == 60_000


def test_bytes_beyond_the_limit_are_refused():
    encoder = BytesEncoder(lambda digest, body: None, Limits(string_bytes=10))

    with pytest.raises(LimitExceeded):
        encoder.write(b"x" * 11)
