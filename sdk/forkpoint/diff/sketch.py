"""Sketches: four min-hashes of a text, equal in each with the chance that two texts are alike.

A. Broder, "On the resemblance and containment of documents", 1997, over word 3-grams. A sketch is
16 bytes: four big-endian 32-bit minima of differently mixed CRC-32 values.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import cast
from zlib import crc32

HASHES = 4
GRAM = 3
"""Words of one gram; a shorter text is one gram."""
MOST_WORDS = 20_000
"""Words of a text that count, from its beginning."""
NO_SKETCH = b"\xff" * 4 * HASHES
"""In columns, in the place of an absent one; no text has it but by a chance of 2^-128."""
_WORDS = re.compile(r"\w+")
_MASK = 0xFFFFFFFF
_MIXES = ((0x9E3779B1, 0x85EBCA77), (0xC2B2AE3D, 0x27D4EB2F), (0x165667B1, 0x9E3779B9))
"""Odd factors and addends of the three further hash functions; the first is CRC-32 itself."""


def sketch_of(value: object) -> bytes | None:
    """The sketch of all texts in a JSON value, in their order; None if there is no word."""
    words: list[str] = []
    _collect(value, words)
    if not words:
        return None
    joined = [" ".join(words[at : at + GRAM]) for at in range(max(1, len(words) - GRAM + 1))]
    hashes = {crc32(gram.encode("utf-8", "surrogatepass")) for gram in joined}
    least = [min(hashes)]
    least += [min((value * factor + plus) & _MASK for value in hashes) for factor, plus in _MIXES]
    return b"".join(value.to_bytes(4, "big") for value in least)


def hash_of(sketch: bytes, which: int) -> int:
    """One of the four hashes."""
    return int.from_bytes(sketch[4 * which : 4 * which + 4], "big")


def _collect(value: object, words: list[str]) -> None:
    """Words in the order of the value; keys are no content."""
    if len(words) >= MOST_WORDS:
        return
    if isinstance(value, str):
        words += _WORDS.findall(value)[: MOST_WORDS - len(words)]
    elif isinstance(value, Mapping):
        fields = cast("Mapping[str, object]", value)
        for key in sorted(fields, key=str):  # the order of keys is not kept in content
            _collect(fields[key], words)
    elif isinstance(value, list | tuple):
        for item in cast("Sequence[object]", value):
            _collect(item, words)
    elif value is not None and not isinstance(value, bytes):
        words.append(str(value))
