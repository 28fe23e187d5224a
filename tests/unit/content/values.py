"""Random values of the whole value model, and what JCS equality means between them."""

from __future__ import annotations

import math

from forkpoint.content import MemoryBlocks, encode
from hypothesis import strategies as st

SPECIAL = [
    "",
    "~",
    "~l",
    "~~",
    "~:",
    "~:" + "A" * 43,
    '"~:',
    "\0",
    "\ufb33",
    "😀",
    "a\ud800b",
    "ﬃ",
    "é",
]
TEXT = st.one_of(
    st.text(max_size=20),
    st.sampled_from(SPECIAL),
    st.text(st.characters(exclude_categories=()), max_size=6),
    st.builds(lambda line, n: (line + "\n") * n, st.text(max_size=60), st.integers(0, 300)),
    st.builds(
        lambda part, n: part * n, st.sampled_from(["x", "é", "😀\n"]), st.integers(100, 20_000)
    ),
)
NUMBER = st.one_of(
    st.integers(-9, 9),
    st.integers(-(2**80), 2**80),
    st.integers(2**53 - 3, 2**53 + 3),
    st.floats(),
    st.sampled_from([-0.0, 1.0, 1e20, 1e21, 1e-7, 5e-324, 1.7976931348623157e308]),
)
BYTES = st.one_of(
    st.binary(max_size=40), st.sampled_from([5, 6144, 6145, 15_000]).map(lambda n: b"ab" * n)
)
SCALAR = st.one_of(st.none(), st.booleans(), NUMBER, TEXT, BYTES)
KEY = st.one_of(st.text(max_size=8), st.sampled_from(SPECIAL), st.text(min_size=30, max_size=200))
ODD_KEY = st.one_of(
    KEY, st.none(), st.integers(), st.binary(max_size=4), st.floats(allow_nan=False)
)


def repeated(item, times):
    """A list of equal items, fewer where they are long: nested lists of them stay small."""
    return [item] * min(times, 100_000 // (len(repr(item)) + 1) + 1)


VALUE = st.recursive(
    SCALAR,
    lambda inner: st.one_of(
        st.lists(inner, max_size=12),
        st.dictionaries(KEY, inner, max_size=12),
        st.dictionaries(ODD_KEY, inner, max_size=4),
        st.builds(repeated, inner, st.integers(0, 30)),
    ),
    max_leaves=12,
)


def stored(value):
    """The root of a value, and the blocks it took."""
    blocks = MemoryBlocks()
    return encode(value, blocks.put), blocks


def root_of(value):
    return encode(value, lambda _digest, _body: None)


def jcs_equal(a, b):
    """Equality of RFC 8785: 1.0 is 1, order of keys is nothing; but True is not 1."""
    if isinstance(a, dict):
        return isinstance(b, dict) and jcs_equal(pairs(a), pairs(b))
    if isinstance(a, list | tuple):
        same = isinstance(b, list | tuple) and len(a) == len(b)
        return same and all(map(jcs_equal, a, b))
    if isinstance(a, bool) or isinstance(b, bool) or not number(a) or not number(b):
        return type(a) is type(b) and a == b
    return a == b or (isinstance(a, float) and math.isnan(a) and math.isnan(b))


def pairs(value):
    return sorted(([root_of(key), item] for key, item in value.items()), key=lambda pair: pair[0])


def number(value):
    return isinstance(value, int | float)


def messages_of(rnd, n, *, size=60):
    """Messages that all differ."""
    return [
        {"role": "user", "content": f"{rnd.random()} " + "lorem " * rnd.randrange(size)}
        for _ in range(n)
    ]
