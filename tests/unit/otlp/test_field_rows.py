"""Every name of the table of fields, alone (OTLP guide, fields)."""

from __future__ import annotations

import json
from typing import Any

import pytest
from forkpoint_server.ingestion.otlp.mapping.spans import MappedSpan
from otlp_rows import CHAT, LLM, OI, OP, Field, every, part, read


def _said(of: object) -> object:
    messages: Any = of
    return messages[-1]["parts"][-1]["text"]


def _asked(span: MappedSpan) -> object:
    return _said(span.parts["messages"])


def _answered(span: MappedSpan) -> object:
    return _said(span.output)


MESSAGES = '[{"role": "user", "content": "hi"}]'
ANSWERS = '[{"role": "assistant", "content": "hi"}]'
DOCUMENT = {"id": "d", "score": 0.5, "content": "text", "metadata": {"p": 1}}
FIELDS: dict[str, tuple[Field, object, list[dict[str, Any]]]] = {
    "model": (
        part("model", "id"),
        "m",
        every(
            LLM,
            "m",
            "llm.{request.model_name,model_name}",
            "{embedding,reranker}.model_name",
            "decision.{request.model_name,model_name}",
            "gen_ai.request.model",
            "ai.model.id",
            "langfuse.observation.model.name",
            "mlflow.llm.model",
        ),
    ),
    "provider": (
        part("model", "provider"),
        "p",
        every(
            LLM,
            "p",
            "llm.{provider,system}",
            "decision.{provider,system}",
            "gen_ai.provider.name",
            "gen_ai.system",
            "ai.model.provider",
            "mlflow.llm.provider",
        ),
    ),
    "answered_model": (
        lambda span: span.model,
        "m",
        every(
            LLM,
            "m",
            "{llm,decision}.response.model_name",
            "gen_ai.response.model",
            "ai.response.model",
        ),
    ),
    "answered": (
        lambda span: span.about["answered"],
        {"id": "r"},
        every(CHAT, "r", "gen_ai.response.id", "ai.response.id"),
    ),
    "time_to_first_chunk": (
        lambda span: span.about["answered"],
        {"time_to_first_chunk": 0.25},
        [{**CHAT, "gen_ai.response.time_to_first_chunk": 0.25}],
    ),
    "finish_reason": (
        lambda span: span.counts.finish_reason,
        "stop",
        [
            *every(CHAT, "stop", "llm.finish_reason", "ai.response.finishReason"),
            *every(CHAT, ["stop"], "gen_ai.response.finish_reasons"),
            *every(CHAT, "stop", "gen_ai.response.status"),
        ],
    ),
    "params_as_json": (
        part("params"),
        {"top_p": 0.5},
        every(
            CHAT,
            '{"top_p": 0.5, "stream": true}',
            "{llm,embedding}.invocation_parameters",
            "langfuse.observation.model.parameters",
            "model_request_parameters",
        ),
    ),
    "format": (
        part("format"),
        {"type": "json"},
        every(CHAT, "json", "gen_ai.output.type", "gen_ai.openai.request.response_format"),
    ),
    "schema": (
        part("format"),
        {"schema": {"type": "object"}},
        every(CHAT, '{"type": "object"}', "ai.schema", "gen_ai.request.structured_output_schema"),
    ),
    "tools": (
        part("tools"),
        [{"name": "f"}],
        [
            *every(
                CHAT,
                '[{"name": "f"}]',
                "gen_ai.tool.definitions",
                "ai.prompt.tools",
                "mlflow.chat.tools",
            ),
            {**LLM, "llm.tools.0.tool.json_schema": '{"name": "f"}'},
            {**LLM, "llm.request.functions.0.name": "f"},
        ],
    ),
    "messages": (
        _asked,
        "hi",
        [
            {**LLM, "llm.input_messages.0.message.content": "hi"},
            {**LLM, "llm.prompts.0.prompt.text": "hi"},
            {**CHAT, "gen_ai.prompt.0.role": "user", "gen_ai.prompt.0.content": "hi"},
            *every(
                CHAT,
                MESSAGES,
                "gen_ai.{input.messages,prompt}",
                "ai.{prompt.messages,prompt}",
                "pydantic_ai.all_messages",
                "input.value",
                "langfuse.observation.input",
                "mlflow.spanInputs",
                "traceloop.entity.input",
                "lmnr.span.input",
            ),
        ],
    ),
    "output": (
        _answered,
        "hi",
        [
            {**LLM, "llm.output_messages.0.message.content": "hi"},
            {**LLM, "llm.choices.0.completion.text": "hi"},
            {**CHAT, "gen_ai.completion.0.content": "hi"},
            {**CHAT, "ai.response.text": "hi"},
            {**CHAT, "ai.response.reasoning": "hi"},
            *every(
                CHAT,
                ANSWERS,
                "gen_ai.{output.messages,completion}",
                "output.value",
                "langfuse.observation.output",
                "mlflow.spanOutputs",
                "traceloop.entity.output",
                "lmnr.span.output",
                "final_result",
            ),
        ],
    ),
    "tool_name": (
        lambda span: span.name,
        "f",
        every({OI: "TOOL"}, "f", "tool.name", "gen_ai.tool.name", "ai.toolCall.name"),
    ),
    "tool_arguments": (
        part("args"),
        {"a": 1},
        every(
            {OI: "TOOL"},
            '{"a": 1}',
            "input.value",
            "gen_ai.tool.call.arguments",
            "ai.toolCall.args",
            "tool_arguments",
            "mcp.request.argument",
            "tool.parameters",
        ),
    ),
    "tool_result": (
        lambda span: span.output,
        {"a": 1},
        every(
            {OI: "TOOL"},
            '{"a": 1}',
            "output.value",
            "gen_ai.tool.call.result",
            "ai.toolCall.result",
            "tool_response",
            "mcp.response.value",
        ),
    ),
    "call_id": (
        lambda span: span.call_id,
        "c",
        every({OI: "TOOL"}, "c", "tool.id", "gen_ai.tool.call.id", "ai.toolCall.id"),
    ),
    "query": (
        part("query"),
        "soup",
        every(
            {OI: "RETRIEVER"},
            "soup",
            "reranker.query",
            "input.value",
            "gen_ai.{retrieval,memory}.query.text",
        ),
    ),
    "documents": (
        lambda span: span.output,
        [DOCUMENT],
        [
            *(
                {OI: "RETRIEVER"}
                | {
                    f"{prefix}.0.document.{name}": json.dumps(value)
                    if name == "metadata"
                    else value
                    for name, value in DOCUMENT.items()
                }
                for prefix in ("retrieval.documents", "reranker.output_documents")
            ),
            *every(
                {OI: "RETRIEVER"},
                json.dumps([DOCUMENT]),
                "gen_ai.retrieval.documents",
                "gen_ai.memory.records",
                "ai.{documents,ranking}",
                "output.value",
            ),
        ],
    ),
    "index": (
        part("index"),
        "i",
        every({OI: "RETRIEVER"}, "i", "gen_ai.data_source.id", "gen_ai.memory.store.id"),
    ),
    "vectors": (
        lambda span: span.output,
        [[0.5]],
        [
            {OI: "EMBEDDING", "embedding.embeddings.0.embedding.vector": [0.5]},
            {OP: "embeddings", "ai.embeddings": "[[0.5]]"},
        ],
    ),
}


@pytest.mark.parametrize("row", FIELDS)
def test_row_of_fields(row: str):
    field, value, sources = FIELDS[row]

    found = [(next(reversed(source)), read(field, source)) for source in sources]

    assert found == [(next(reversed(source)), value) for source in sources]
