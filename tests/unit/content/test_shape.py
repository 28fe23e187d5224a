"""Shapes and pointers."""

from __future__ import annotations

import pytest
from forkpoint.content import decode, restore, shape
from forkpoint.content.errors import CorruptBlock, LimitExceeded
from forkpoint.content.pointer import join, resolve, split
from forkpoint.errors import UsageError
from unit.content.values import stored


@pytest.mark.parametrize(
    "value",
    [
        {"b": 1, "a": {"d": -0.0, "c": [1.0, 2, 3.5]}},
        [{"a": 1, "b": 2}, {"b": 1, "a": 2}, {"b": 0, "a": 0}],
        {"~/x": {"*": 1.0, "y": 2}, "list": [1.0, 2.0]},
        [[1.0], {"*": 3}],
        {2: "b", 1: "a", "1": 1.0, None: 0, 2.0**60: 1},
        {1.0: "float key", "x": 1},
        {float("nan"): 1, -0.0: 2},
        {(1.0, 2): 1, (0, 1): 2},
        {"": {"": 2.0}},
        {"\ud800": 1.0, "a": 1},
        [True, 1.0, 1],
        1e300,
        -0.0,
    ],
    ids=str,
)
def test_a_restored_value_prints_the_same(value):
    root, blocks = stored(value)
    kept_root, kept = stored(shape(value))

    assert repr(restore(decode(root, blocks.get), decode(kept_root, kept.get))) == repr(value)


def test_one_order_serves_all_dicts_with_the_same_keys():
    rows = [{"name": "x", "id": number} for number in range(100)]

    assert shape(rows) == {"k": [["name", "id"]]}


def test_a_pattern_serves_all_numbers_of_a_column():
    assert shape([{"p": 1.0}, {"p": 2.5}, {"p": 3.0}]) == {"f": ["/*/p"]}


@pytest.mark.parametrize("value", ["x", 1.5, [1, 2], {"a": {"b": None}}, [], {}])
def test_a_value_json_keeps_needs_no_shape(value):
    assert shape(value) is None
    assert restore(value, None) is value


@pytest.mark.parametrize(
    "kept",
    [{"k": 1}, {"x": {"": ["a"]}}, {"x": {"": ["a", "c"]}}, {"k": [[{}]]}, {"f": [[]]}, "x", 5],
    ids=str,
)
def test_a_shape_of_another_value_is_refused(kept):
    with pytest.raises(CorruptBlock):
        restore({"a": 1, "b": 2}, kept)


def test_a_value_that_holds_itself_has_no_shape():
    value = []
    value.append(value)

    with pytest.raises(LimitExceeded):
        shape(value)


@pytest.mark.parametrize("parts", [[], [""], ["a", "b"], ["~", "/", "~1"], ["0", "é"]])
def test_a_pointer_is_split_into_what_it_was_joined_from(parts):
    assert split(join(parts)) == parts


def test_a_pointer_leads_to_its_value():
    value = {"messages": [{"a/b": 1}, {"~": [2, 3]}]}

    assert resolve(value, "") is value
    assert resolve(value, "/messages/0/a~1b") == 1
    assert resolve(value, "/messages/1/~0/1") == 3


@pytest.mark.parametrize("pointer", ["/x", "/messages/2", "/messages/-1", "/messages/0/y"])
def test_a_pointer_to_nothing_is_a_key_error(pointer):
    with pytest.raises(KeyError):
        resolve({"messages": [{}, 1]}, pointer)


def test_a_pointer_starts_with_a_slash():
    with pytest.raises(UsageError):
        split("messages")
