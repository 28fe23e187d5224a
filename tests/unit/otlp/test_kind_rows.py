"""Every word of the table of kinds, alone (OTLP guide, kinds)."""

from __future__ import annotations

import pytest
from forkpoint.events.kinds import Kind
from forkpoint_server.ingestion.otlp.mapping.kinds import kind_of

OI, OP = "openinference.span.kind", "gen_ai.operation.name"
LF, ML, TL, AI = (
    "langfuse.observation.type",
    "mlflow.spanType",
    "traceloop.span.kind",
    "ai.operationId",
)
KINDS: dict[str, tuple[Kind, list[tuple[str, str]]]] = {
    "models": (
        Kind.MODEL,
        [
            (OI, "LLM"),
            *((OP, word) for word in ("chat", "text_completion", "generate_content")),
            *((OP, word) for word in ("fetch_response", "llm_request")),
            *((AI, f"ai.{word}.doGenerate") for word in ("generateText", "generateObject")),
            *((AI, f"ai.{word}.doStream") for word in ("streamText", "streamObject")),
        ],
    ),
    "models_of_vendors": (
        Kind.MODEL,
        [
            ("llm.request.type", "chat"),
            (LF, "generation"),
            (ML, "LLM"),
            (ML, "CHAT_MODEL"),
            (AI, "ai.generateSpeech"),
            (AI, "ai.transcribe"),
        ],
    ),
    "embeddings_and_decisions": (
        Kind.MODEL,
        [
            (OI, "EMBEDDING"),
            (OI, "DECISION"),
            (OP, "embeddings"),
            (AI, "ai.embed.doEmbed"),
            (AI, "ai.embedMany.doEmbed"),
        ],
    ),
    "retrievers": (
        Kind.RETRIEVER,
        [
            *((OI, word) for word in ("RETRIEVER", "RERANKER")),
            *((OP, w) for w in ("retrieval", "search_memory", "rerank", "vector_db_retrieve")),
            (LF, "retriever"),
            (ML, "RETRIEVER"),
            (ML, "RERANKER"),
            (TL, "retriever"),
        ],
    ),
    "tools": (
        Kind.TOOL,
        [
            *((key, "TOOL") for key in (OI, LF, ML, TL, "lmnr.span.type")),
            (OP, "execute_tool"),
            *((OP, f"{verb}_memory") for verb in ("create", "update", "upsert", "delete")),
            *((OP, f"{verb}_memory_store") for verb in ("create", "delete")),
        ],
    ),
    "tools_by_their_attributes": (
        Kind.TOOL,
        [(AI, "ai.toolCall"), ("mcp.method.name", "tools/call"), ("gen_ai.tool.name", "f")],
    ),
    "planners": (Kind.PLANNER, [(OP, "plan")]),
    "validators": (Kind.VALIDATOR, [(key, "EVALUATOR") for key in (OI, LF, ML, "lmnr.span.type")]),
    "guards": (Kind.SAFETY, [(key, "GUARDRAIL") for key in (OI, LF, ML)]),
    "scopes": (
        Kind.AGENT,
        [
            *((OI, word) for word in ("AGENT", "CHAIN", "PROMPT")),
            *((OP, w) for w in ("invoke_agent", "create_agent", "invoke_workflow", "execute_task")),
            *((key, w) for key in (LF, ML, TL) for w in ("agent", "chain", "workflow", "task")),
        ],
    ),
    "outer_spans_of_the_ai_sdk": (
        Kind.AGENT,
        [
            (AI, f"ai.{word}")
            for word in [
                "generateText",
                "streamText",
                "generateObject",
                "streamObject",
                "embed",
                "rerank",
            ]
        ],
    ),
    "the_rest": (Kind.CUSTOM, [(OI, "UNKNOWN"), (ML, "PARSER"), ("my.own", "x")]),
}


@pytest.mark.parametrize("row", KINDS)
def test_row_of_kinds(row: str):
    kind, words = KINDS[row]

    found = {(key, word): kind_of({key: word})[0] for key, word in words}

    assert found == dict.fromkeys(words, kind)


def test_a_request_model_with_counts_is_a_model():
    guessed = {"gen_ai.request.model": "m", "gen_ai.usage.output_tokens": 1}

    assert kind_of(guessed)[0] is Kind.MODEL
    assert kind_of({"gen_ai.request.model": "m"})[0] is Kind.CUSTOM
