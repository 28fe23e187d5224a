"""How many blocks a change costs: what storage and transport rest on."""

from __future__ import annotations

import pytest
from forkpoint.content import ListEncoder, MemoryBlocks, encode
from unit.content.values import messages_of, stored


def new_blocks(before, value):
    """Blocks of a changed list that the store does not have, besides those of new items."""
    after = MemoryBlocks()
    encode(value, after.put)
    return len(set(after) - set(before))


@pytest.mark.parametrize("n", [400, 10_000])
def test_an_append_costs_at_most_three_blocks_on_average(rnd, n):
    items = messages_of(rnd, n + 200, size=3)
    blocks = MemoryBlocks()
    encoder = ListEncoder(blocks.put)
    for item in items[:n]:
        encoder.push(item)
    encoder.root()
    before = len(blocks)
    for item in items[n:]:
        encoder.push(item)
        encoder.root()

    assert (len(blocks) - before) / 200 <= 3


@pytest.mark.parametrize(("n", "trims"), [(400, 60), (10_000, 12)])
def test_trims_of_a_window_cost_at_most_five_blocks_on_average(rnd, n, trims):
    items = messages_of(rnd, n, size=3)
    _, blocks = stored(items)
    before = len(blocks)
    for _ in range(trims):
        items = items[rnd.randrange(1, 10) :]
        encode(items, blocks.put)

    assert (len(blocks) - before) / trims <= 5


@pytest.mark.parametrize(("n", "edits", "most"), [(400, 60, 16), (10_000, 6, 24)])
def test_an_edit_anywhere_costs_few_blocks(rnd, n, edits, most):
    items = messages_of(rnd, n, size=3)
    _, blocks = stored(items)
    for _ in range(edits):
        at = rnd.randrange(n)
        changed = rnd.choice([[], ["new"], ["new", items[at]]])

        assert new_blocks(blocks, [*items[:at], *changed, *items[at + 1 :]]) <= most


def test_a_list_without_boundaries_is_bounded_by_the_cap(rnd):
    items = [{"role": "user", "content": "again " * 40}] * 4000
    _, blocks = stored(items)

    assert len(blocks) < 30
    assert new_blocks(blocks, items[1:]) <= 343


def test_a_growing_log_is_stored_about_twice(rnd):
    lines = [f"{rnd.random()} did something\n" for _ in range(1500)]
    blocks = MemoryBlocks()
    for end in range(100, 1501, 100):
        encode("".join(lines[:end]), blocks.put)

    assert blocks.size <= 2.5 * sum(map(len, lines))


def test_a_loop_of_400_calls_stores_little_more_than_its_messages(rnd):
    items = [{"role": "user", "content": rnd.randbytes(1000).hex()} for _ in range(400)]
    blocks = MemoryBlocks()
    encoder = ListEncoder(blocks.put)
    for item in items:
        encoder.push(item)
        encoder.root()
    raw = sum(len(item["content"]) for item in items)

    assert blocks.size + 43 * 400 <= 1.3 * raw
