"""The published vectors of format `content/1`."""

from __future__ import annotations

import pytest
from forkpoint.content import (
    MemoryBlocks,
    check_body,
    decode,
    digest_text,
    encode,
    restore,
    shape,
    signature,
    verify,
)
from unit.content import vectors

VECTORS = vectors.load()
NAMED = pytest.mark.parametrize("vector", VECTORS["vectors"], ids=lambda vector: vector["name"])


def stored(value):
    blocks = MemoryBlocks()
    return encode(value, blocks.put), blocks


@NAMED
def test_a_value_has_the_published_root_blocks_and_body(vector):
    root, blocks = stored(vectors.value_of(vector["value"]))

    assert digest_text(root) == vector["root"]
    assert (len(blocks), blocks.size) == (vector["blocks"], vector["bytes"])
    assert vector.get("body") in (None, blocks.blocks[root].decode())


@NAMED
def test_a_published_root_decodes_to_its_value_and_verifies(vector):
    value = vectors.value_of(vector["value"])
    root, blocks = stored(value)

    verify(root, blocks.get)
    restored = restore(decode(root, blocks.get), shape(value))
    assert repr(restored) == repr(value)


@NAMED
def test_every_published_block_passes_ingest_and_names_its_children(vector):
    root, blocks = stored(vectors.value_of(vector["value"]))

    named = {ref.digest for body in blocks.blocks.values() for ref in check_body(body)}

    assert named == set(blocks) - {root}


@pytest.mark.parametrize("vector", VECTORS["signatures"], ids=lambda vector: vector["name"])
def test_a_signature_is_the_published_one(vector):
    parts = {name: stored(value)[0] for name, value in vector["parts"].items()}

    assert {name: digest_text(root) for name, root in parts.items()} == vector["part_roots"]
    assert digest_text(signature(vector["kind"], vector["name"], parts)) == vector["signature"]


@pytest.mark.parametrize("vector", VECTORS["shapes"], ids=lambda vector: str(vector["shape"]))
def test_a_shape_is_the_published_one(vector):
    assert shape(vectors.value_of(vector["value"])) == vector["shape"]
