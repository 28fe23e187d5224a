"""Trackers: whatever way a list came about, its root is that of the list."""

from __future__ import annotations

import pytest
from forkpoint.content import (
    CellCache,
    How,
    MemoryBlocks,
    Tracker,
    snapshot,
    verify,
)
from forkpoint.errors import UsageError
from unit.content.values import root_of

AWKWARD = [1, True, 1.0, None, 2**70, "\ud800", {1: 2}, b"x", float("inf")]


def message(rnd):
    text = f"{rnd.random()} " + "x" * rnd.randrange(300)
    return {"role": "user", "content": text, "n": rnd.choice(AWKWARD)}


def changed(rnd, items):
    at = rnd.randrange(len(items) + 1)
    return rnd.choice(
        [
            items + [message(rnd) for _ in range(rnd.randrange(1, 5))],
            [*items, message(rnd)],
            items[rnd.randrange(5) :],
            [*items[:at], message(rnd), *items[at + 1 :]],
            [*items[:at], message(rnd), *items[at:]],
            [*items[:at], *items[at + 1 :]],
            items[::-1],
            items,
        ]
    )


@pytest.mark.parametrize("cached", [False, True])
def test_a_list_has_the_root_of_its_value_through_any_history(rnd, cached):
    cache = CellCache(b"key", size=20_000) if cached else None
    hows = set()
    for _ in range(25):
        blocks = MemoryBlocks()
        tracker = Tracker(blocks.put, cache=cache)
        earlier, items = {}, []
        for _ in range(15):
            items = changed(rnd, items)
            fed = tracker.feed(snapshot(items))
            hows.add(fed.how)
            assert fed.root == root_of(items)
            verify(fed.root, blocks.get)
            known = earlier[fed.prefix] if fed.prefix else 0
            assert fed.delta == root_of(items[known:])
            earlier[fed.root] = len(items)

    assert hows == set(How)


def feeds(*lists):
    blocks = MemoryBlocks()
    tracker = Tracker(blocks.put)
    return [tracker.feed(snapshot(items)) for items in lists]


def test_an_appended_list_names_the_one_it_extends(messages):
    first, second, same = feeds(messages[:7], messages[:9], messages[:9])

    assert (first.how, first.prefix, first.new) == (How.REBUILD, None, 7)
    assert (second.how, second.prefix, second.new) == (How.APPEND, first.root, 2)
    assert second.delta == root_of(messages[7:9])
    assert (same.how, same.prefix, same.new) == (How.SAME, second.root, 0)


def test_another_ending_names_the_longest_list_it_still_extends(messages):
    first, _second, third = feeds(messages[:7], messages[:9], [*messages[:8], "other"])

    assert third.prefix == first.root
    assert third.new == 1


def test_a_trim_reuses_every_cell(messages):
    _first, trimmed = feeds(messages[:300], messages[7:300])

    assert (trimmed.how, trimmed.new, trimmed.prefix) == (How.SHIFT, 0, None)


def test_an_edit_in_the_middle_encodes_one_item(messages):
    edited = [*messages[:200], "edited", *messages[201:]]
    _first, second = feeds(messages, edited)

    assert second.new == 1


def test_one_true_and_one_point_nought_are_three_different_items():
    one, true, real = feeds([{"n": 1}], [{"n": True}], [{"n": 1.0}])

    assert one.root != true.root
    assert one.root == real.root
    assert (true.new, real.new) == (1, 1)


def test_only_new_items_are_redacted(messages):
    redacted = []

    def redact(item):
        redacted.append(item["content"])
        return {**item, "content": "masked"}

    tracker = Tracker(MemoryBlocks().put, redact)
    tracker.feed(snapshot(messages[:20]))
    fed = tracker.feed(snapshot(messages[:21]))

    assert redacted == [item["content"] for item in messages[:21]]
    assert fed.root == root_of([{**item, "content": "masked"} for item in messages[:21]])


def test_a_failing_redaction_leaves_the_tracker_as_it_was(messages):
    def redact(item):
        if item == "bad":
            raise ValueError(item)
        return item

    tracker = Tracker(MemoryBlocks().put, redact)
    tracker.feed(snapshot(messages[:20]))
    with pytest.raises(ValueError, match="bad"):
        tracker.feed(snapshot([*messages[:20], messages[20], "bad"]))

    assert tracker.feed(snapshot(messages[:22])).root == root_of(messages[:22])


def test_a_cached_cell_brings_its_blocks_to_another_store(messages):
    cache = CellCache(b"random")
    Tracker(MemoryBlocks().put, cache=cache).feed(snapshot(messages))
    other = MemoryBlocks()
    calls = []
    tracker = Tracker(other.put, calls.append, cache=cache)
    fed = tracker.feed(snapshot(messages))

    assert calls == []
    verify(fed.root, other.get)


def test_a_cleared_or_full_cache_forgets(messages):
    cache = CellCache(b"random", size=5000)
    for item in messages[:100]:
        cache.keep(snapshot(item), b"1", ())
    assert cache.find(snapshot(messages[0])) is None
    assert cache.find(snapshot(messages[99])) == (b"1", ())
    cache.clear()

    assert cache.find(snapshot(messages[99])) is None


def test_reset_forgets_the_raw_snapshot(messages):
    tracker = Tracker(MemoryBlocks().put)
    tracker.feed(snapshot(messages))
    assert tracker.held == len(snapshot(messages))
    tracker.reset()

    assert tracker.held == 0
    assert tracker.feed(snapshot(messages)).prefix is None


def test_only_lists_are_tracked():
    with pytest.raises(UsageError):
        Tracker(MemoryBlocks().put).feed(snapshot({"a": 1}))
