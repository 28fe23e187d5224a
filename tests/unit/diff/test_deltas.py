from __future__ import annotations

from typing import cast

import pytest
from forkpoint.content import (
    MemoryBlocks,
    Value,
    decode,
    digest_from_text,
    digest_text,
    encode,
)
from forkpoint.diff.deltas import step_delta
from forkpoint.diff.messages import compare_messages, compare_trees
from forkpoint.diff.pointers import changes
from forkpoint.diff.retrieval import compare_documents, kendall_tau, rank_biased_overlap
from forkpoint.diff.text import hunks, ratio
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from unit.diff.planted import Values, call


def message(role: str, text: str) -> dict[str, object]:
    return {"role": role, "content": text}


def test_one_changed_message_of_many_is_one_row_with_its_words():
    talk = [message("user" if at % 2 == 0 else "assistant", f"line {at}") for at in range(400)]
    other = [*talk[:10], message("user", "line ten"), *talk[11:]]

    rows = compare_messages(talk, other)

    assert [(row["op"], row.get("a")) for row in rows] == [
        ("same", [0, 10]),
        ("changed", 10),
        ("same", [11, 400]),
    ]
    assert rows[1]["words"] == [("=", "line "), ("-", "10"), ("+", "ten")]


def conversation(count: int) -> list[Value]:
    text = "so that it is a block of its own and no cell of the list, however short the number is. "
    return [
        message("user" if at % 2 == 0 else "tool", f"line {at}: {text * 3}") for at in range(count)
    ]


@pytest.mark.parametrize("place", [3, 200, 399])
def test_prompt_delta(place: int):
    """1 of 400 messages changed: one `changed`, and few of the 400 are read."""
    blocks = MemoryBlocks()
    talk = conversation(400)
    other = list(talk)
    other[place] = {**cast("dict[str, object]", talk[place]), "content": "something else"}
    one, two = (digest_text(encode(each, blocks.put)) for each in (talk, other))
    left = replace(call(Values(), "r#0", kind="model"), parts={"messages": one})

    delta = step_delta(left, replace(left, parts={"messages": two}), {}.__getitem__, blocks.get)

    rows = cast("dict[str, list[dict[str, object]]]", delta["prompt"])["messages"]
    assert [row["op"] for row in rows if row["op"] != "same"] == ["changed"]
    assert [(row["a"], row["b"]) for row in rows if row["op"] == "changed"] == [(place, place)]
    assert sum(row["a"][1] - row["a"][0] for row in rows if row["op"] == "same") == 399  # type: ignore[index,operator]
    assert blocks.loads <= 40 and len(blocks) > 400


@given(st.lists(st.integers(0, 12), max_size=40), st.lists(st.integers(0, 12), max_size=40))
def test_trees_and_values_give_rows_that_lead_from_one_to_the_other(a: list[int], b: list[int]):
    left, right = ([message("user", f"line {at}") for at in side] for side in (a, b))
    blocks = MemoryBlocks()
    roots = encode(left, blocks.put), encode(right, blocks.put)

    for rows in (compare_trees(*roots, blocks.get), compare_messages(left, right)):
        assert sorted(places(rows, "a")) == list(range(len(a)))
        assert sorted(places(rows, "b")) == list(range(len(b)))
        for row in rows:
            if row["op"] == "same":
                (a0, a1), (b0, b1) = row["a"], row["b"]  # type: ignore[misc]
                assert left[a0:a1] == right[b0:b1]
            elif row["op"] == "moved":
                assert left[row["a"]] == right[row["b"]] == row["message"]  # type: ignore[index]


def places(rows: list[dict[str, object]], side: str) -> list[int]:
    """Indexes of one side that the rows account for."""
    found: list[int] = []
    for row in rows:
        place = row.get(side)
        if isinstance(place, list):
            found += range(*cast("list[int]", place))
        elif isinstance(place, int):
            found.append(place)
    return found


def test_a_prompt_that_is_a_text_on_one_side_is_compared_whole():
    blocks = MemoryBlocks()
    one, two = (digest_text(encode(each, blocks.put)) for each in ("be kind", conversation(2)))
    left = replace(call(Values(), "r#0", kind="model"), parts={"system": one})

    delta = step_delta(
        left,
        replace(left, parts={"system": two}),
        lambda root: decode(digest_from_text(root), blocks.get),
        blocks.get,
    )

    rows = cast("dict[str, list[dict[str, object]]]", delta["prompt"])["system"]
    assert sorted(str(row["op"]) for row in rows) == ["added", "added", "removed"]


def test_added_removed_and_moved_messages_are_told_apart():
    one, two, three, four = (message("user", text) for text in ("one", "two", "three", "four"))
    tool = message("tool", "result")

    rows = compare_messages([one, two, three], [two, one, four, tool])

    assert sorted(str(row["op"]) for row in rows) == ["added", "changed", "moved", "same"]


def test_tool_calls_of_a_changed_message_are_shown_by_pointer():
    before = {
        "role": "assistant",
        "content": None,
        "tool_calls": [{"name": "pay", "args": {"sum": 5}}],
    }
    after = {
        "role": "assistant",
        "content": None,
        "tool_calls": [{"name": "pay", "args": {"sum": 7}}],
    }

    [row] = compare_messages([before], [after])

    assert row["changes"] == [
        {"pointer": "/tool_calls/0/args/sum", "op": "replace", "a": 5, "b": 7}
    ]


@given(st.text(alphabet="ab c.", max_size=80), st.text(alphabet="ab c.", max_size=80))
def test_hunks_rebuild_both_texts(before: str, after: str):
    found = hunks(before, after)

    assert "".join(text for sign, text in found if sign in "=-") == before
    assert "".join(text for sign, text in found if sign in "=+") == after
    assert 0 <= ratio(found) <= 1


def test_a_phrase_that_was_replaced_is_one_hunk_and_not_one_a_word():
    found = hunks(
        "please pay the small bill, thanks a lot", "please send all the money, thanks a lot"
    )

    assert found[0] == ("=", "please ") and found[-1] == ("=", ", thanks a lot")
    assert [sign for sign, _ in found] == ["=", "-", "+", "=", "-", "+", "="]


def test_texts_with_nothing_in_common_are_shown_one_after_the_other():
    assert hunks("one two. three", "uno, due. tre") == [
        ("-", "one two. three"),
        ("+", "uno, due. tre"),
    ]


def test_an_item_put_in_front_of_a_list_is_one_change():
    assert changes({"ids": [1, 2, 3]}, {"ids": [0, 1, 2, 3]}) == [
        {"pointer": "/ids/0", "op": "add", "b": 0}
    ]


def test_one_and_true_and_one_point_nought_are_not_the_same():
    assert [change["pointer"] for change in changes([1, 1, 1], [1, True, 1.0])] == ["/1", "/2"]


def test_pointers_escape_slashes_and_tildes():
    assert changes({"a/b~c": 1}, {"a/b~c": 2})[0]["pointer"] == "/a~1b~0c"


def test_retrieval_delta():
    """10 documents: the last went, a new one came last, the first two changed places."""
    a = [{"id": str(at), "text": "t"} for at in range(10)]
    b = [a[1], a[0], *a[2:9], {"id": "new", "text": "t"}]

    found = compare_documents(a, b)

    assert (found["added"], found["removed"], found["rewritten"]) == (["new"], ["9"], [])
    assert found["moved"] == [{"id": "0", "a": 0, "b": 1}, {"id": "1", "a": 1, "b": 0}]
    # of 9 common documents, 36 pairs, one pair stands the other way: (35 - 1) / 36
    assert found["tau"] == pytest.approx(34 / 36, abs=1e-6)
    # agreement 0 at depth 1, 1 at depths 2 to 9, 9/10 at depth 10, weighted by 0.9^(d-1)
    agreed = sum(0.9 ** (depth - 1) for depth in range(2, 10)) + 0.9**9 * 0.9
    assert found["rbo"] == pytest.approx((1 - 0.9) / (1 - 0.9**10) * agreed, abs=1e-6)
    assert found["rbo"] == pytest.approx(0.840518, abs=1e-6)


def test_rank_biased_overlap_is_one_for_equal_and_nought_for_disjoint_lists():
    assert rank_biased_overlap(["a", "b"], ["a", "b"]) == pytest.approx(1)
    assert rank_biased_overlap(["a"], ["b"]) == 0
    # depth 1: no overlap; depth 2: both: (1 - .9) / (1 - .81) * .9 * 2 / 2
    assert rank_biased_overlap(["a", "b"], ["b", "a"]) == pytest.approx(0.1 / 0.19 * 0.9)
    assert kendall_tau([0, 1], [1, 0]) is None


def test_a_delta_opens_only_what_differs():
    values = Values()
    left = call(values, "r#0", "chat", kind="model", given=[message("user", "hi")], answer="yes")
    right = replace(
        call(values, "r#0", "chat", kind="model", given=[message("user", "ho")], answer="yes"),
        status="error",
    )

    delta = step_delta(left, right, values.load)

    assert set(delta) == {"prompt", "status"}


def test_tools_are_compared_by_name():
    values = Values()

    def tool(name: str, text: str) -> dict[str, object]:
        return {"type": "function", "function": {"name": name, "description": text}}

    left = replace(
        call(values, "r#0", kind="model"),
        parts={"tools": values.root([tool("a", "1"), tool("b", "1")])},
    )
    right = replace(left, parts={"tools": values.root([tool("b", "2"), tool("c", "1")])})

    assert step_delta(left, right, values.load)["tools"] == {
        "added": ["c"],
        "removed": ["a"],
        "changed": [
            {
                "name": "b",
                "changes": [
                    {"pointer": "/function/description", "op": "replace", "a": "1", "b": "2"}
                ],
            }
        ],
    }


def test_a_payload_that_cannot_be_read_is_missing_never_equal():
    values = Values()
    left = call(values, "r#0", answer="a")
    right = replace(left, output="root:gone")

    assert step_delta(left, right, values.load)["missing"] == [
        {"section": "output", "reason": "blob_missing"}
    ]


def test_latency_of_a_served_step_is_no_finding():
    values = Values()
    left = call(values, "r#0", end_ns=1_000_000_000)
    right = replace(left, end_ns=3_000_000_000)

    assert step_delta(left, right, values.load)["latency"] == {"a": 10**9, "b": 3 * 10**9}
    assert "latency" not in step_delta(left, replace(right, mode="exact"), values.load)
