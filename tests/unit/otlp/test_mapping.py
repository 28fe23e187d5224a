from __future__ import annotations

import json
from typing import Any

import pytest
from forkpoint.events.kinds import Kind
from forkpoint_server.ingestion.otlp.mapping.happenings import Happening
from forkpoint_server.ingestion.otlp.mapping.kinds import kind_of
from forkpoint_server.ingestion.otlp.mapping.spans import MappedSpan, map_span

LLM = {"openinference.span.kind": "LLM"}
CHAT = {"gen_ai.operation.name": "chat"}
HI = [{"role": "user", "parts": [{"type": "text", "text": "hi"}]}]


def mapped(attributes: dict[str, Any], **more: Any) -> MappedSpan:
    return map_span(attributes, name="span", **more)


@pytest.mark.parametrize(
    ("attributes", "kind", "subtype"),
    [
        ({"openinference.span.kind": "LLM"}, Kind.MODEL, None),
        ({"openinference.span.kind": "EMBEDDING"}, Kind.MODEL, "embedding"),
        ({"openinference.span.kind": "DECISION"}, Kind.MODEL, "decision"),
        ({"openinference.span.kind": "RERANKER"}, Kind.RETRIEVER, "reranker"),
        ({"openinference.span.kind": "RETRIEVER"}, Kind.RETRIEVER, None),
        ({"openinference.span.kind": "TOOL"}, Kind.TOOL, None),
        ({"openinference.span.kind": "GUARDRAIL"}, Kind.SAFETY, None),
        ({"openinference.span.kind": "EVALUATOR"}, Kind.VALIDATOR, None),
        ({"openinference.span.kind": "CHAIN"}, Kind.AGENT, None),
        ({"openinference.span.kind": "UNKNOWN"}, Kind.CUSTOM, None),
        ({"gen_ai.operation.name": "generate_content"}, Kind.MODEL, None),
        ({"gen_ai.operation.name": "embeddings"}, Kind.MODEL, "embedding"),
        ({"gen_ai.operation.name": "search_memory"}, Kind.RETRIEVER, "memory"),
        ({"gen_ai.operation.name": "update_memory"}, Kind.TOOL, None),
        ({"gen_ai.operation.name": "plan"}, Kind.PLANNER, None),
        ({"gen_ai.operation.name": "invoke_agent"}, Kind.AGENT, None),
        ({"ai.operationId": "ai.generateText.doGenerate"}, Kind.MODEL, None),
        ({"ai.operationId": "ai.embedMany.doEmbed"}, Kind.MODEL, "embedding"),
        ({"ai.operationId": "ai.toolCall"}, Kind.TOOL, None),
        ({"ai.operationId": "ai.generateText"}, Kind.AGENT, None),
        ({"llm.request.type": "chat"}, Kind.MODEL, None),
        ({"langfuse.observation.type": "generation"}, Kind.MODEL, None),
        ({"mlflow.spanType": '"CHAT_MODEL"'}, Kind.MODEL, None),
        ({"traceloop.span.kind": "workflow"}, Kind.AGENT, None),
        ({"lmnr.span.type": "LLM"}, Kind.MODEL, None),
        ({"mcp.method.name": "tools/call"}, Kind.TOOL, "mcp"),
        ({"gen_ai.tool.name": "search"}, Kind.TOOL, None),
        ({"gen_ai.request.model": "m", "gen_ai.usage.input_tokens": 4}, Kind.MODEL, None),
        ({"http.request.method": "GET"}, Kind.CUSTOM, "http"),
        ({"db.system.name": "postgresql"}, Kind.CUSTOM, "database"),
    ],
)
def test_each_source_says_what_kind_a_span_is(
    attributes: dict[str, Any], kind: Kind, subtype: str | None
):
    assert kind_of(attributes)[:2] == (kind, subtype)


def test_own_beats_openinference_beats_genai():
    every = {"forkpoint.kind": "safety", **LLM, "gen_ai.operation.name": "execute_tool"}

    assert kind_of(every)[0] is Kind.SAFETY
    del every["forkpoint.kind"]
    assert kind_of(every)[0] is Kind.MODEL
    del every["openinference.span.kind"]
    assert kind_of(every)[0] is Kind.TOOL


def test_precedence_is_per_field():
    span = mapped(
        {
            **LLM,
            "gen_ai.request.model": "asked",
            "llm.provider": "",
            "gen_ai.provider.name": "openai",
            "llm.token_count.prompt": 7,
            "gen_ai.usage.input_tokens": 9,
            "gen_ai.usage.output_tokens": 2,
        }
    )

    assert span.parts["model"] == {"provider": "openai", "id": "asked"}
    assert (span.counts.tokens_in, span.counts.tokens_out) == (7, 2)


PARTS = [{"role": "user", "parts": [{"type": "text", "content": "hi"}]}]
SAME_QUESTION: list[dict[str, Any]] = [
    {**LLM, "llm.input_messages.0.message.content": "hi"},
    {**LLM, "llm.prompts.0.prompt.text": "hi"},
    {**LLM, "input.value": "hi"},
    {**CHAT, "gen_ai.input.messages": json.dumps(PARTS)},
    {**CHAT, "gen_ai.input.messages": PARTS},
    {**CHAT, "gen_ai.prompt": '[{"role": "user", "content": "hi"}]'},
    {**CHAT, "gen_ai.prompt.0.role": "user", "gen_ai.prompt.0.content": "hi"},
    {"ai.operationId": "ai.streamText.doStream", "ai.prompt.messages": json.dumps(
        [{"role": "user", "content": [{"type": "text", "text": "hi"}]}]
    )},
    {"langfuse.observation.type": "generation", "langfuse.observation.input": json.dumps(
        {"messages": [{"role": "human", "content": "hi"}]}
    )},
    {"mlflow.spanType": "LLM", "mlflow.spanInputs": json.dumps({"messages": [
        {"role": "user", "content": "hi"}]})},
    {"traceloop.span.kind": "llm", "traceloop.entity.input": "hi"},
    {**CHAT, "pydantic_ai.all_messages": json.dumps(PARTS)},
    {**CHAT, "lmnr.span.input": json.dumps([{"role": "user", "content": "hi"}])},
]  # fmt: skip


@pytest.mark.parametrize("attributes", SAME_QUESTION, ids=lambda each: str(list(each)[-1]))
def test_old_and_new_names_agree_and_those_of_vendors(attributes: dict[str, Any]):
    span = mapped(attributes)

    assert span.parts["messages"] == HI
    assert not [key for key in span.attributes if "prompt" in key or "message" in key]


@pytest.mark.parametrize(
    ("attributes", "output"),
    [
        ({**CHAT, "ai.response.text": "ho"}, [{"type": "text", "text": "ho"}]),
        ({**CHAT, "gen_ai.completion.0.content": "ho"}, [{"type": "text", "text": "ho"}]),
        ({**LLM, "llm.choices.0.completion.text": "ho"}, [{"type": "text", "text": "ho"}]),
        (
            {**CHAT, "ai.response.toolCalls": '[{"toolCallId":"1","toolName":"f","input":"{}"}]'},
            [{"type": "tool_call", "id": "1", "name": "f", "arguments": {}}],
        ),
        (
            {
                **CHAT,
                "gen_ai.completion.0.tool_calls.0.id": "1",
                "gen_ai.completion.0.tool_calls.0.name": "f",
                "gen_ai.completion.0.tool_calls.0.arguments": '{"a": 1}',
            },
            [{"type": "tool_call", "id": "1", "name": "f", "arguments": {"a": 1}}],
        ),
        (
            {
                **LLM,
                "llm.output_messages.0.message.role": "assistant",
                "llm.output_messages.0.message.contents.0.message_content.type": "reasoning",
                "llm.output_messages.0.message.contents.0.message_content.text": "hm",
                "llm.output_messages.0.message.tool_calls.0.tool_call.id": "1",
                "llm.output_messages.0.message.tool_calls.0.tool_call.function.name": "f",
                "llm.output_messages.0.message.tool_calls.0.tool_call.function.arguments": "{}",
            },
            [
                {"type": "reasoning", "text": "hm"},
                {"type": "tool_call", "id": "1", "name": "f", "arguments": {}},
            ],
        ),
    ],
)
def test_answers_of_every_form_are_parts_of_a_message(attributes: dict[str, Any], output: Any):
    answer: Any = mapped(attributes).output

    assert [message["role"] for message in answer] == ["assistant"]
    assert answer[0]["parts"] == output


def test_malformed_message_keeps_the_rest():
    messages = [17, {"role": "user", "parts": [{"type": "text", "content": "hi"}, {"odd": 1}]}]

    read: Any = mapped({**CHAT, "gen_ai.input.messages": messages}).parts["messages"]

    assert read[0] == {"role": "user", "parts": [{"type": "other", "value": 17}]}
    assert read[1]["parts"] == [HI[0]["parts"][0], {"type": "other", "value": {"odd": 1}}]


def test_index_ten_after_two_and_holes_close():
    prompts = {f"llm.input_messages.{n}.message.content": str(n) for n in (10, 2, 0)}

    read: Any = mapped({**LLM, **prompts}).parts["messages"]

    assert [message["parts"][0]["text"] for message in read] == ["0", "2", "10"]


def test_index_bomb_allocates_nothing_and_stays_verbatim():
    bomb = {"llm.input_messages.999999999.message.content": "x"}

    span = mapped({**LLM, **bomb, "llm.input_messages.99999.message.content": "hi"})

    assert span.parts["messages"] == HI
    assert span.attributes == bomb


def test_cached_tokens_are_a_part_of_the_input():
    normal = mapped(
        {**CHAT, "gen_ai.usage.input_tokens": 9, "gen_ai.usage.cache_read.input_tokens": 4}
    )
    beside = mapped(
        {**CHAT, "gen_ai.usage.input_tokens": 2, "gen_ai.usage.cache_read.input_tokens": 4}
    )

    assert (normal.counts.tokens_in, normal.counts.normalised) == (9, False)
    assert (beside.counts.tokens_in, beside.counts.normalised) == (6, True)


def test_missing_counts_are_unknown_not_zero_and_a_fetched_answer_has_none():
    fetched = {"gen_ai.operation.name": "fetch_response", "gen_ai.usage.input_tokens": 5}

    assert mapped(CHAT).counts.tokens_in is None
    assert mapped(fetched).counts.tokens_in is None


@pytest.mark.parametrize(
    "attributes",
    [
        {"llm.cost.total": 0.0125},
        {"gen_ai.usage.input_cost": 0.01, "gen_ai.usage.output_cost": 0.0025},
        {"langfuse.observation.cost_details": '{"input": 0.01, "output": 0.0025}'},
        {"gen_ai.usage.cost": 0.0125},
    ],
    ids=lambda each: str(next(iter(each))),
)
def test_cost_as_sent_is_micro_usd(attributes: dict[str, Any]):
    assert mapped({**CHAT, **attributes}).counts.cost_micro_usd == 12_500


def test_parameters_of_all_names_are_one_part_without_what_changes_no_answer():
    span = mapped(
        {
            **LLM,
            "llm.invocation_parameters": '{"temperature": 0, "stream": true, "user": "u"}',
            "gen_ai.request.temperature": 1.0,
            "gen_ai.request.max_tokens": 5,
            "gen_ai.request.stream": True,
        }
    )

    assert span.parts["params"] == {"temperature": 0, "max_tokens": 5}


def test_decision_is_a_model_with_its_answers():
    span = mapped(
        {
            "openinference.span.kind": "DECISION",
            "decision.model_name": "judge",
            "decision.token_count.input": 3,
            "ai.decision.answers": '{"ok": true}',
        }
    )

    assert (span.kind, span.subtype, span.model) == (Kind.MODEL, "decision", "judge")
    assert (span.counts.tokens_in, span.output) == (3, {"ok": True})


def test_a_retriever_has_query_and_documents():
    span = mapped(
        {
            "openinference.span.kind": "RETRIEVER",
            "input.value": "soup",
            "retrieval.documents.0.document.id": "d1",
            "retrieval.documents.0.document.score": 0.5,
            "retrieval.documents.0.document.metadata": '{"page": 2}',
        }
    )

    assert span.parts == {"query": "soup"}
    assert span.output == [{"id": "d1", "score": 0.5, "metadata": {"page": 2}}]


@pytest.mark.parametrize(
    "attributes",
    [
        {"gen_ai.tool.call.arguments": '{"q": 1}', "gen_ai.tool.call.result": "r"},
        {"ai.toolCall.args": '{"q": 1}', "ai.toolCall.result": "r"},
        {"tool_arguments": '{"q": 1}', "tool_response": "r"},
        {"mcp.request.argument": '{"q": 1}', "mcp.response.value": "r"},
        {"input.value": '{"q": 1}', "output.value": "r"},
    ],
    ids=lambda each: str(next(iter(each))),
)
def test_a_tool_has_arguments_result_name_and_call_id(attributes: dict[str, Any]):
    named = {"gen_ai.tool.name": "search", "gen_ai.tool.call.id": "c1"}

    span = mapped({**named, **attributes, "openinference.span.kind": "TOOL"})

    assert (span.name, span.call_id) == ("search", "c1")
    assert (span.parts, span.output) == ({"args": {"q": 1}}, "r")
    assert "input.args" in span.was_text


def test_events_and_records_complete_a_span_and_attributes_win():
    told = (
        Happening(name="gen_ai.user.message", time_ns=1, attributes={}, body={"content": "hi"}),
        Happening(
            name="gen_ai.choice",
            time_ns=2,
            attributes={},
            body={"index": 0, "finish_reason": "stop", "message": {"content": "ho"}},
        ),
    )

    span = mapped({**CHAT, "gen_ai.system": "openai"}, happenings=told)
    own = mapped({**CHAT, "gen_ai.input.messages": "own"}, happenings=told)

    assert span.parts["messages"] == HI
    answer: Any = span.output
    assert (answer[0]["finish"], answer[0]["parts"][0]["text"]) == ("stop", "ho")
    assert own.parts["messages"] != HI


def test_an_error_keeps_its_class_and_stack():
    raised = Happening(
        name="exception",
        time_ns=1,
        attributes={"exception.type": "Timeout", "exception.stacktrace": "at line 1"},
    )

    span = mapped(CHAT, happenings=(raised,), failed=True, message="too slow")
    fine = mapped(CHAT, happenings=(raised,))

    assert span.error_class == "Timeout"
    assert span.error == {"type": "Timeout", "message": "too slow", "stacktrace": "at line 1"}
    assert fine.error is None


def test_what_goes_into_no_field_is_kept_verbatim():
    span = mapped({**CHAT, "my.own": [1, 2], "gen_ai.response.service_tier": "r"})

    assert span.attributes == {"my.own": [1, 2], "gen_ai.response.service_tier": "r"}
