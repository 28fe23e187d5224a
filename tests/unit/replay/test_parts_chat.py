"""Turns of parts, as traces bring them, told to a provider of chat completions and back."""

from __future__ import annotations

from typing import Any

import pytest
from forkpoint.replay.families import calls_of, family_of
from forkpoint.replay.partschat import Untellable, chat_body, parts_of_reply


def said(role: str, *parts: dict[str, Any]) -> dict[str, Any]:
    return {"role": role, "parts": list(parts)}


def text(words: str) -> dict[str, Any]:
    return {"type": "text", "text": words}


def test_calls_without_ids_get_them_and_results_take_them_in_order():
    calls = [{"type": "tool_call", "name": name, "arguments": {}} for name in ("a", "b")]
    results = [{"type": "tool_result", "value": value} for value in ("one", {"two": 2})]

    told: Any = chat_body({"messages": [said("assistant", *calls), said("user", *results)]})

    asked, first, second = told["messages"]
    assert [call["id"] for call in asked["tool_calls"]] == ["call_1", "call_2"]
    assert (first["tool_call_id"], first["content"]) == ("call_1", "one")
    assert (second["tool_call_id"], second["content"]) == ("call_2", '{"two":2}')


@pytest.mark.parametrize(
    "tool",
    [
        {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}},
        {"type": "function", "name": "f", "parameters": {"type": "object"}},
        {"name": "f", "inputSchema": {"type": "object"}},
    ],
)
def test_tools_are_told_in_one_form(tool: dict[str, Any]):
    told: Any = chat_body({"tools": [tool], "messages": [said("user", text("hi"))]})

    assert told["tools"] == [
        {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
    ]


def test_parameters_and_format_are_passed_on_and_the_rest_is_set_anew():
    params = {"temperature": 0.5, "stream": True, "n": 4, "model": "other"}
    form = {"schema": {"type": "object"}, "tool_choice": "auto"}

    told: Any = chat_body({"params": params, "format": form, "messages": []})

    assert told == {
        "temperature": 0.5,
        "tool_choice": "auto",
        "messages": [],
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "answer", "schema": {"type": "object"}},
        },
    }


@pytest.mark.parametrize(
    "parts",
    [
        {"messages": [said("user", {"type": "media", "url": "x"})]},
        {"messages": [said("assistant", {"type": "tool_call", "name": "web", "server": True})]},
        {"messages": [said("moderator", text("hi"))]},
        {"params": {"previous_response_id": "r"}, "messages": []},
        {"tools": [{"kind": "unknown"}], "messages": []},
    ],
)
def test_what_has_no_form_there_is_refused_and_not_left_out(parts: dict[str, Any]):
    with pytest.raises(Untellable):
        chat_body(parts)


def test_a_reply_is_read_as_traces_write_it():
    function = {"name": "f", "arguments": '{"n": 1}'}
    call = {"id": "c", "type": "function", "function": function}
    message = {"role": "assistant", "content": "so", "tool_calls": [call]}

    reply = parts_of_reply({"choices": [{"message": message, "finish_reason": "tool_calls"}]})

    assert family_of(reply) == "parts"
    assert [(one.id, one.name, one.args) for one in calls_of("parts", reply)] == [
        ("c", "f", {"n": 1})
    ]
    assert parts_of_reply({"error": "none"}) is None
