"""The message forms of OpenTelemetry's GenAI conventions, one case each, written anew.

Their JSON schemas (gen-ai-input-messages, gen-ai-output-messages, gen-ai-system-instructions) name
the parts text, reasoning, compaction, tool_call, tool_call_response, server_tool_call,
server_tool_call_response, blob, file, uri and any other; the events are those of before v1.37.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from forkpoint_server.ingestion.otlp.mapping.happenings import Happening
from forkpoint_server.ingestion.otlp.mapping.spans import MappedSpan, map_span

CHAT = {"gen_ai.operation.name": "chat"}
TEXT = {"type": "text", "text": "hi"}


def mapped(attributes: dict[str, Any], *happenings: Happening) -> MappedSpan:
    return map_span({**CHAT, **attributes}, name="chat", happenings=happenings)


def asked(*parts: object, role: str = "user") -> Any:
    """The parts of one input message, as they are stored."""
    span = mapped({"gen_ai.input.messages": [{"role": role, "parts": list(parts)}]})
    [message] = span.parts["messages"]  # type: ignore[misc]
    assert message["role"] == role  # type: ignore[index]
    return message["parts"]  # type: ignore[index]


@pytest.mark.parametrize(
    ("part", "stored"),
    [
        pytest.param({"type": "text", "content": "hi"}, TEXT, id="genai_01_text"),
        pytest.param(
            {"type": "reasoning", "content": "hm"},
            {"type": "reasoning", "text": "hm"},
            id="genai_02_reasoning",
        ),
        pytest.param(
            {"type": "tool_call", "id": "c1", "name": "f", "arguments": {"a": 1}},
            {"type": "tool_call", "id": "c1", "name": "f", "arguments": {"a": 1}},
            id="genai_03_tool_call",
        ),
        pytest.param(
            {"type": "tool_call", "id": None, "name": "f", "arguments": '{"a": 1}'},
            {"type": "tool_call", "name": "f", "arguments": {"a": 1}},
            id="genai_04_tool_call_without_id_and_arguments_as_text",
        ),
        pytest.param(
            {"type": "tool_call_response", "id": "c1", "response": {"ok": True}},
            {"type": "tool_result", "id": "c1", "value": {"ok": True}},
            id="genai_05_tool_call_response",
        ),
        pytest.param(
            {
                "type": "server_tool_call",
                "id": "s1",
                "name": "web_search",
                "server_tool_call": {"type": "web_search", "query": "soup"},
            },
            {
                "type": "tool_call",
                "id": "s1",
                "name": "web_search",
                "arguments": {"type": "web_search", "query": "soup"},
                "server": True,
            },
            id="genai_06_server_tool_call",
        ),
        pytest.param(
            {
                "type": "server_tool_call_response",
                "id": "s1",
                "server_tool_call_response": {"type": "web_search", "hits": 2},
            },
            {
                "type": "tool_result",
                "id": "s1",
                "value": {"type": "web_search", "hits": 2},
                "server": True,
            },
            id="genai_07_server_tool_call_response",
        ),
        pytest.param(
            {"type": "blob", "mime_type": "image/png", "modality": "image", "content": "QUJD"},
            {"type": "media", "data": "QUJD", "media_type": "image/png"},
            id="genai_08_blob",
        ),
        pytest.param(
            {"type": "uri", "modality": "video", "uri": "https://example.com/v"},
            {"type": "media", "url": "https://example.com/v", "media_type": "video"},
            id="genai_09_uri",
        ),
        pytest.param(
            {"type": "file", "modality": "document", "file_id": "file-1"},
            {"type": "file", "modality": "document", "file_id": "file-1"},
            id="genai_10_file",
        ),
        pytest.param(
            {"type": "compaction", "id": "k1", "content": "what was said"},
            {
                "type": "other",
                "value": {"type": "compaction", "id": "k1", "content": "what was said"},
            },
            id="genai_11_compaction_is_kept_verbatim",
        ),
        pytest.param(
            {"type": "shop.coupon", "code": 7},
            {"type": "other", "value": {"type": "shop.coupon", "code": 7}},
            id="genai_12_a_part_of_an_unknown_type",
        ),
    ],
)
def test_each_part_of_a_message_is_read(part: dict[str, Any], stored: dict[str, Any]):
    assert asked(part) == [stored]


def test_genai_13_every_role_stays_and_a_name_with_it():
    roles = ("system", "user", "assistant", "tool", "developer")
    messages = [
        {"role": role, "name": "ann", "parts": [{"type": "text", "content": "hi"}]}
        for role in ("user", *roles)
    ]

    read: Any = mapped({"gen_ai.input.messages": json.dumps(messages)}).parts["messages"]

    assert [each["role"] for each in read] == ["user", *roles]
    assert {each["name"] for each in read} == {"ann"}
    assert {json.dumps(each["parts"]) for each in read} == {json.dumps([TEXT])}


def test_genai_14_finish_reasons_stand_in_the_answer_and_of_the_step():
    span = mapped(
        {
            "gen_ai.response.finish_reasons": ["length"],
            "gen_ai.output.messages": [
                {"role": "assistant", "parts": [], "finish_reason": "length"}
            ],
        }
    )

    assert span.output == [
        {
            "role": "assistant",
            "finish": "length",
            "parts": [
                {
                    "type": "other",
                    "value": {"role": "assistant", "parts": [], "finish_reason": "length"},
                }
            ],
        }
    ]
    assert span.counts.finish_reason == "length"


def test_genai_15_several_choices_are_several_answers_with_all_their_calls():
    call = {"type": "tool_call", "id": "c1", "name": "f", "arguments": None}
    span = mapped(
        {
            "gen_ai.output.messages": [
                {
                    "role": "assistant",
                    "parts": [{"type": "text", "content": "hi"}],
                    "finish_reason": "stop",
                },
                {"role": "assistant", "parts": [call], "finish_reason": "tool_call"},
            ]
        }
    )

    answers: Any = span.output
    assert [(each["finish"], each["parts"]) for each in answers] == [
        ("stop", [TEXT]),
        ("tool_call", [call]),
    ]
    assert [(ask.name, ask.call_id) for ask in span.asks] == [("f", "c1")]


@pytest.mark.parametrize(
    "value",
    [
        [{"type": "text", "content": "be kind"}],
        json.dumps([{"type": "text", "content": "be kind"}]),
        "be kind",
    ],
    ids=["parts", "text", "plain"],
)
def test_genai_16_system_instructions_are_a_part_of_their_own(value: object):
    said = [{"role": "user", "parts": [{"type": "text", "content": "hi"}]}]

    span = mapped({"gen_ai.system_instructions": value, "gen_ai.input.messages": said})

    assert span.parts["system"] == [
        {"role": "system", "parts": [{"type": "text", "text": "be kind"}]}
    ]
    assert span.parts["messages"] == [{"role": "user", "parts": [TEXT]}]


def test_genai_17_details_in_an_event_count_like_attributes_which_win():
    said = [{"role": "user", "parts": [{"type": "text", "content": "hi"}]}]
    details = Happening(
        name="gen_ai.client.inference.operation.details",
        time_ns=1,
        attributes={
            "gen_ai.input.messages": said,
            "gen_ai.request.temperature": 0.5,
            "gen_ai.request.seed": 3,
        },
    )

    span = mapped({"gen_ai.request.temperature": 1.0}, details)

    assert span.parts["messages"] == [{"role": "user", "parts": [TEXT]}]
    assert span.parts["params"] == {"temperature": 1.0, "seed": 3}


def _old(name: str, body: object, at: int) -> Happening:
    return Happening(name=f"gen_ai.{name}", time_ns=at, attributes={}, body=body)


def test_genai_18_old_events_are_one_message_each_in_the_order_of_time():
    call = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}}
    span = mapped(
        {},
        _old("tool.message", {"id": "c1", "content": "done"}, 4),
        _old("assistant.message", {"tool_calls": [call]}, 3),
        _old("user.message", {"content": "hi"}, 2),
        _old("system.message", {"content": "be kind"}, 1),
    )

    assert span.parts["system"] == [
        {"role": "system", "parts": [{"type": "text", "text": "be kind"}]}
    ]
    assert span.parts["messages"] == [
        {"role": "user", "parts": [TEXT]},
        {
            "role": "assistant",
            "parts": [{"type": "tool_call", "name": "f", "arguments": {"a": 1}, "id": "c1"}],
        },
        {"role": "tool", "parts": [{"type": "tool_result", "value": "done", "id": "c1"}]},
    ]


def test_genai_19_old_choices_are_answers_by_index_with_their_finish_reason():
    span = mapped(
        {},
        _old("choice", {"index": 1, "finish_reason": "length", "message": {"content": "b"}}, 5),
        _old("choice", {"index": 0, "finish_reason": "stop", "message": {"content": "hi"}}, 5),
    )

    answers: Any = span.output
    assert [(each["finish"], each["parts"][0]["text"]) for each in answers] == [
        ("stop", "hi"),
        ("length", "b"),
    ]


def test_genai_20_the_oldest_events_carry_prompt_and_completion_as_json():
    span = mapped(
        {},
        Happening(
            name="gen_ai.content.prompt",
            time_ns=1,
            attributes={"gen_ai.prompt": '[{"role": "user", "content": "hi"}]'},
        ),
        Happening(
            name="gen_ai.content.completion",
            time_ns=2,
            attributes={"gen_ai.completion": '[{"role": "assistant", "content": "ho"}]'},
        ),
    )

    assert span.parts["messages"] == [{"role": "user", "parts": [TEXT]}]
    assert span.output == [{"role": "assistant", "parts": [{"type": "text", "text": "ho"}]}]


@pytest.mark.parametrize(
    ("broken", "stored"),
    [
        (None, {"role": "user", "parts": [{"type": "other", "value": None}]}),
        (3.5, {"role": "user", "parts": [{"type": "other", "value": 3.5}]}),
        ("{not json", {"role": "user", "parts": [{"type": "text", "text": "{not json"}]}),
        (
            {"role": "user"},
            {"role": "user", "parts": [{"type": "other", "value": {"role": "user"}}]},
        ),
        (
            {"role": 7, "parts": "hi"},
            {"role": "user", "parts": [TEXT]},
        ),
        (
            {"role": "user", "parts": [{"type": "tool_call"}, {"type": "text"}, 1]},
            {
                "role": "user",
                "parts": [
                    {"type": "other", "value": {"type": "tool_call"}},
                    {"type": "other", "value": {"type": "text"}},
                    {"type": "other", "value": 1},
                ],
            },
        ),
    ],
    ids=["null", "number", "half_json", "no_parts", "wrong_types", "empty_parts"],
)
def test_genai_21_malformed_message_keeps_the_rest_and_itself(broken: object, stored: Any):
    good = {"role": "user", "parts": [{"type": "text", "content": "hi"}]}

    read: Any = mapped({"gen_ai.input.messages": [good, broken, good]}).parts["messages"]

    assert read == [{"role": "user", "parts": [TEXT]}, stored, {"role": "user", "parts": [TEXT]}]
