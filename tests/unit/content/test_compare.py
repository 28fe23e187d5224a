"""Operations between two trees, and what they cost."""

from __future__ import annotations

import math
from collections import Counter

import pytest
from forkpoint.content import Kind, MemoryBlocks, Op, Tag, compare, decode, encode, rewrite, verify
from unit.content import vectors
from unit.content.values import messages_of

VECTORS = vectors.load()["compare"]


def compared(a, b, **options):
    blocks = MemoryBlocks()
    roots = encode(a, blocks.put), encode(b, blocks.put)
    return compare(*roots, blocks.get, **options)


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
def test_operations_are_the_published_ones(vector):
    ops = compared(vectors.value_of(vector["a"]), vectors.value_of(vector["b"]))

    assert [[op.tag, op.a0, op.a1, op.b0, op.b1] for op in ops] == vector["ops"]


def item(rnd):
    return rnd.choice(
        [
            rnd.randrange(5),
            {"role": "user", "content": "y" * rnd.randrange(400), "n": rnd.random()},
            {"role": "user", "content": str(rnd.random()), "parts": [1, 2, rnd.randrange(3)]},
            "z" * rnd.randrange(300),
        ]
    )


def edited(rnd, items):
    items = list(items)
    for _ in range(rnd.randrange(6)):
        at = rnd.randrange(len(items) + 1)
        part = items[at : at + rnd.randrange(1, 4)]
        del items[at : at + len(part)]
        how = rnd.randrange(4)
        if how == 0:  # replaced or inserted, unless it is gone for good
            items[at:at] = [item(rnd)]
        elif how == 1:
            to = rnd.randrange(len(items) + 1)
            items[to:to] = part
        elif how == 2:
            items[at:at] = part + items[: rnd.randrange(3)]
    return items


def rebuilt(a, b, ops):
    """b from a and the operations; every index of both must be used exactly once."""
    built, ours, theirs = [], Counter(), Counter()
    for op in ops:
        assert op.b0 == len(built)
        built += a[op.a0 : op.a1] if op.tag in (Tag.EQUAL, Tag.MOVE) else b[op.b0 : op.b1]
        ours.update(range(op.a0, op.a1))
        theirs.update(range(op.b0, op.b1))
    assert ours == Counter(range(len(a)))
    assert theirs == Counter(range(len(b)))
    return built


def test_the_second_list_is_rebuilt_from_the_first_and_the_operations(rnd):
    for _ in range(1500):
        a = [item(rnd) for _ in range(rnd.choice([0, 3, 12, 40]))]
        b = edited(rnd, a)

        assert rebuilt(a, b, compared(a, b)) == b


@pytest.mark.parametrize("n", [400, 10_000, 100_000])
@pytest.mark.parametrize("changes", [1, 10])
def test_loads_are_in_proportion_to_changes_and_to_log_n(rnd, n, changes):
    cells = list(range(10**9, 10**9 + n))
    blocks = MemoryBlocks()
    a = encode(cells, blocks.put)
    for _ in range(changes):
        cells[rnd.randrange(n)] = rnd.random()
    b = encode(cells, blocks.put)
    blocks.loads = 0
    compare(a, b, blocks.get)

    assert blocks.loads <= 20 * changes * math.log2(n)


def test_an_append_to_a_long_list_loads_both_ends_only(rnd):
    items = messages_of(rnd, 3000)
    blocks = MemoryBlocks()
    a, b = encode(items, blocks.put), encode([*items, "new"], blocks.put)
    blocks.loads = 0

    assert compare(a, b, blocks.get)[-1] == Op(Tag.INSERT, 3000, 3000, 3000, 3001)
    assert blocks.loads <= 6


def test_a_moved_item_is_told_from_a_changed_one(messages):
    moved = [*messages[1:50], messages[0], *messages[50:]]
    ops = compared(messages, moved)

    assert [op for op in ops if op.tag is not Tag.EQUAL] == [Op(Tag.MOVE, 0, 1, 49, 50)]


def test_equal_roots_are_one_equal_range(messages):
    assert compared(messages, messages) == [Op(Tag.EQUAL, 0, 400, 0, 400)]
    assert compared([], []) == []


def test_a_replaced_dict_says_which_keys_differ():
    a = {"role": "tool", "n": 1, "text": "same", "gone": 0}
    b = {"role": "tool", "n": True, "text": "same", "~new": 0}
    (op,) = compared([a], [b])

    assert {(inner.tag, inner.key) for inner in op.inner} == {
        (Tag.REPLACE, "n"),
        (Tag.DELETE, "gone"),
        (Tag.INSERT, "~new"),
    }
    assert compared([a], [b], deep=False)[0].inner is None


def test_large_and_odd_dicts_are_compared_by_key():
    large = {f"~{number}": number for number in range(4000)}
    ops = compared(large, {**large, "~17": "x", "y": 1})
    assert {(op.tag, op.key) for op in ops} == {(Tag.REPLACE, "~17"), (Tag.INSERT, "y")}

    ops = compared({1: "a", "1": "b", "k" * 300: 1}, {1: "c", "1": "b", "k" * 300: 2})
    assert {(op.tag, op.key) for op in ops} == {(Tag.REPLACE, 1), (Tag.REPLACE, "k" * 300)}


def test_long_texts_are_compared_chunk_by_chunk():
    lines = [f"line {number} of a log\n" for number in range(4000)]
    before = "".join(lines)
    after = "".join([*lines[:2000], "inserted\n", *lines[2000:]])
    ops = compared({"log": before}, {"log": after})[0].inner

    assert {op.of for op in ops} == {Kind.TEXT}
    changed = [op for op in ops if op.tag is not Tag.EQUAL]
    assert sum(op.b1 - op.b0 for op in changed) < 20_000
    assert (ops[-1].a1, ops[-1].b1) == (len(before), len(after))


@pytest.mark.parametrize(
    "pair", [(1, True), ([1], {"a": 1}), ("x" * 9000, bytes(13_000)), ("a", "b")]
)
def test_values_of_another_kind_are_replaced_as_a_whole(pair):
    assert compared(*pair) == [Op(Tag.REPLACE, 0, 1, 0, 1, of=Kind.VALUE)]


SECRET = "sk-canary"


def masked(value):
    if isinstance(value, str):
        return value.replace(SECRET, "[key]")
    return value.replace(SECRET.encode(), b"[key]") if isinstance(value, bytes) else value


def masked_deep(value):
    if isinstance(value, dict):
        return {masked(key): masked_deep(item) for key, item in value.items()}
    return list(map(masked_deep, value)) if isinstance(value, list) else masked(value)


def test_a_rewritten_tree_is_the_tree_of_the_rewritten_value(rnd, messages):
    long = "".join(f"line {number}\n" for number in range(3000))
    value = {
        "messages": [*messages, {"content": f"the key is {SECRET}"}],
        "log": long + SECRET + long,
        "raw": bytes(12_284) + SECRET.encode() + bytes(9000),
        "nested": [[{"~" + SECRET: [1, 2.5, None]}], "x" * 150 + SECRET],
        "large": {f"key {number} {SECRET}": number for number in range(3000)},
        "odd": {1: SECRET, SECRET: 1, None: "\ud800"},
    }
    blocks, fresh = MemoryBlocks(), MemoryBlocks()
    root = encode(value, blocks.put)
    again = rewrite(root, blocks.get, masked, fresh.put, {})

    every = MemoryBlocks()
    every.blocks = {**blocks.blocks, **fresh.blocks}
    assert decode(again, every.get) == masked_deep(value)
    verify(again, every.get)
    assert not any(SECRET.encode() in body for body in fresh.blocks.values())
    assert not set(fresh) & set(blocks)


def test_a_rewrite_that_finds_nothing_writes_nothing(messages):
    blocks, fresh = MemoryBlocks(), MemoryBlocks()
    root = encode(messages, blocks.put)

    assert rewrite(root, blocks.get, masked, fresh.put, {}) == root
    assert len(fresh) == 0


def test_one_memo_serves_the_trees_of_a_run(messages):
    talk = [{"role": "user", "content": f"{SECRET} " + "word " * 60}, *messages]
    blocks, memo, fn_calls = MemoryBlocks(), {}, []

    def counted(value):
        fn_calls.append(value)
        return masked(value)

    first, second = encode(talk[:300], blocks.put), encode(talk[:301], blocks.put)
    rewrite(first, blocks.get, counted, blocks.put, memo)
    fn_calls.clear()
    rewrite(second, blocks.get, counted, blocks.put, memo)

    assert rewrite(first, blocks.get, counted, blocks.put, memo) == memo[first]
    assert not any(SECRET in value for value in fn_calls)
