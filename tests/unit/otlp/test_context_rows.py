"""Every name of the table of fields, alone (OTLP guide, fields): counts, context."""

from __future__ import annotations

from typing import Any

import pytest
from otlp_rows import CHAT, LLM, OI, Field, every, read

FIELDS: dict[str, tuple[Field, object, list[dict[str, Any]]]] = {
    "tokens_in": (
        lambda span: span.counts.tokens_in,
        7,
        [
            *every(
                CHAT,
                7,
                "llm.token_count.prompt",
                "decision.token_count.input",
                "gen_ai.usage.{input_tokens,prompt_tokens}",
                "ai.usage.{inputTokens,promptTokens}",
            ),
            {**CHAT, "langfuse.observation.usage_details": '{"input": 7}'},
            {**CHAT, "mlflow.chat.tokenUsage": '{"input_tokens": 7}'},
        ],
    ),
    "tokens_out": (
        lambda span: span.counts.tokens_out,
        7,
        every(
            CHAT,
            7,
            "llm.token_count.completion",
            "decision.token_count.output",
            "gen_ai.usage.{output_tokens,completion_tokens}",
            "ai.usage.{outputTokens,completionTokens}",
        ),
    ),
    "total_alone": (
        lambda span: span.counts.tokens_in,
        7,
        every(
            CHAT,
            7,
            "llm.token_count.total",
            "gen_ai.usage.total_tokens",
            "ai.usage.totalTokens",
            "llm.usage.total_tokens",
        ),
    ),
    "cached": (
        lambda span: span.counts.cached,
        7,
        every(
            CHAT,
            7,
            "llm.token_count.prompt_details.{cache_read,cache_input}",
            "gen_ai.usage.{cache_read.input_tokens,cache_read_input_tokens}",
            "ai.usage.{cachedInputTokens,inputTokenDetails.cacheReadTokens}",
        ),
    ),
    "cache_written": (
        lambda span: span.counts.cache_written,
        7,
        every(
            CHAT,
            7,
            "llm.token_count.prompt_details.cache_write",
            "gen_ai.usage.{cache_write.input_tokens,cache_creation.input_tokens}",
            "gen_ai.usage.cache_creation_input_tokens",
            "ai.usage.inputTokenDetails.cacheWriteTokens",
        ),
    ),
    "reasoning": (
        lambda span: span.counts.reasoning,
        7,
        every(
            CHAT,
            7,
            "llm.token_count.completion_details.reasoning",
            "gen_ai.usage.{reasoning.output_tokens,reasoning_tokens}",
            "ai.usage.{reasoningTokens,outputTokenDetails.reasoningTokens}",
        ),
    ),
    "audio": (
        lambda span: dict(span.counts.modalities),
        {"audio_in": 7},
        every(
            CHAT,
            7,
            "llm.token_count.prompt_details.audio",
            "gen_ai.usage.audio.input_tokens",
        ),
    ),
    "cost": (
        lambda span: span.counts.cost_micro_usd,
        500_000,
        [
            *every(CHAT, 0.5, "llm.cost.total", "gen_ai.usage.cost", "operation.cost"),
            *every(CHAT, 0.5, "llm.cost.{prompt,completion}"),
            *every(CHAT, 0.5, "gen_ai.usage.{input_cost,output_cost}"),
            {**CHAT, "langfuse.observation.cost_details": '{"total": 0.5}'},
            {**CHAT, "mlflow.llm.cost": '{"total_cost": 0.5}'},
        ],
    ),
    "scope": (
        lambda span: span.about["scope"],
        {"agent": "a"},
        every(
            {OI: "AGENT"},
            "a",
            "agent.name",
            "gen_ai.agent.name",
            "ai.telemetry.functionId",
            "traceloop.entity.name",
        ),
    ),
    "graph_node": (
        lambda span: span.about["scope"],
        {"node": "n", "node_parent": "p"},
        [{OI: "CHAIN", "graph.node.id": "n", "graph.node.parent_id": "p"}],
    ),
    "template": (
        lambda span: span.about["template"],
        {"name": "t"},
        every(
            CHAT,
            "t",
            "prompt.id",
            "gen_ai.prompt.name",
            "langfuse.observation.prompt.name",
            "traceloop.prompt.key",
        ),
    ),
    "template_text": (
        lambda span: span.about["template"],
        {"text": "{x}", "variables": {"x": 1}},
        [
            {
                **LLM,
                "llm.prompt_template.template": "{x}",
                "llm.prompt_template.variables": '{"x": 1}',
            },
        ],
    ),
    "session": (
        lambda span: span.facts.session,
        "s",
        every(
            {OI: "AGENT"},
            "s",
            "session.id",
            "gen_ai.conversation.id",
            "langfuse.session.id",
            "mlflow.trace.session",
            "traceloop.association.properties.session_id",
        ),
    ),
    "user": (
        lambda span: span.facts.user,
        "u",
        every({OI: "AGENT"}, "u", "user.id", "langfuse.user.id", "mlflow.trace.user"),
    ),
    "tags": (
        lambda span: span.facts.tags,
        ("t",),
        every({OI: "AGENT"}, ["t"], "tag.tags", "langfuse.trace.tags"),
    ),
    "run_name": (
        lambda span: span.facts.name,
        "n",
        every(
            {OI: "AGENT"},
            "n",
            "langfuse.trace.name",
            "gen_ai.workflow.name",
            "traceloop.workflow.name",
        ),
    ),
    "verdict": (
        lambda span: span.verdict,
        [{"label": "good"}],
        [
            {OI: "CHAIN", "evaluations.0.evaluation.label": "good"},
            {OI: "CHAIN", "annotations.0.annotation.label": "good"},
        ],
    ),
}


@pytest.mark.parametrize("row", FIELDS)
def test_row_of_fields(row: str):
    field, value, sources = FIELDS[row]

    found = [(next(reversed(source)), read(field, source)) for source in sources]

    assert found == [(next(reversed(source)), value) for source in sources]
