"""Which earlier outputs an input is made of, and how that was found."""

from __future__ import annotations

import json

import pytest
from forkpoint_server.query.provenance import Edge, Output, trace

ORDER = {
    "order": "A-1042",
    "total": 120.0,
    "lines": [{"sku": "kettle", "qty": 1}],
    "note": "x" * 200,
}


def edge(how: str, pointer: str, *, seq: int = 4, part: str = "messages") -> Edge:
    return Edge(seq=seq, part=part, pointer=pointer, how=how)  # type: ignore[arg-type]


def test_an_output_passed_on_whole_is_found_as_a_block():
    messages = [{"role": "user", "content": "hi"}, {"role": "tool", "content": ORDER}]

    assert trace([Output(seq=4, value=ORDER)], {"messages": messages}) == [
        edge("block", "/1/content")
    ]


def test_the_order_of_keys_does_not_matter():
    turned = dict(reversed(ORDER.items()))

    assert trace([Output(seq=4, value=ORDER)], {"messages": [turned]}) == [edge("block", "/0")]


def test_a_small_equal_value_is_found_as_a_value():
    output = Output(seq=4, value="order A-1042 was shipped")

    assert trace([output], {"messages": [{"content": output.value}]}) == [
        edge("value", "/0/content")
    ]


def test_a_text_inside_a_larger_output_is_found_as_a_value():
    completion = {"choices": [{"message": {"content": "I will look that up for you."}}]}
    messages = [{"role": "assistant", "content": "I will look that up for you."}]

    assert trace([Output(seq=4, value=completion)], {"messages": messages}) == [
        edge("value", "/0/content")
    ]


@pytest.mark.parametrize(
    "written",
    [
        json.dumps(ORDER),
        json.dumps(ORDER, indent=2),
        json.dumps(ORDER, separators=(",", ":")),
        str(ORDER),
    ],
)
def test_an_output_written_into_a_template_is_found_as_text(written: str):
    messages = [{"role": "user", "content": f"Observation:\n{written}\nWhat next?"}]

    assert trace([Output(seq=4, value=ORDER)], {"messages": messages}) == [
        edge("text", "/0/content")
    ]


def test_what_the_scope_had_before_is_not_new():
    messages = [{"role": "tool", "content": ORDER}]
    later = [*messages, {"role": "user", "content": "and now?"}]

    assert trace([Output(seq=4, value=ORDER)], {"messages": later}, before={"m": messages}) == []


@pytest.mark.parametrize("value", [True, None, 3, "ok", "done", [], {}, ""])
def test_what_is_found_everywhere_proves_nothing(value: object):
    messages = [{"content": value, "text": "ok, done: 3"}]

    assert trace([Output(seq=4, value=value)], {"messages": messages}) == []


def test_the_surest_and_latest_come_first():
    first, second = "the first answer of the tool", {"long": "y" * 200}
    parts = {"args": {"a": second, "b": f"<<{first}>>"}}

    edges = trace([Output(seq=2, value=first), Output(seq=8, value=second)], parts)

    assert edges == [
        edge("block", "/a", seq=8, part="args"),
        edge("text", "/b", seq=2, part="args"),
    ]


def test_what_json_cannot_say_is_compared_all_the_same():
    odd = {"bytes": b"\0\1\2\3", "wide": 2**80, "lone": "\ud800 and some more text"}

    assert trace([Output(seq=4, value=odd)], {"args": [odd]}) == [edge("value", "/0", part="args")]
