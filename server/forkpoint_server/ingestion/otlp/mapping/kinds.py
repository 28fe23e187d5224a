"""What a span is: our own word first, then OpenInference, GenAI operations, vendors, the rest."""

from __future__ import annotations

from collections.abc import Mapping

from forkpoint.events.kinds import Kind

Attributes = Mapping[str, object]
_OWN = frozenset(kind.value for kind in Kind)

OPENINFERENCE: dict[str, Kind] = {
    "llm": Kind.MODEL,
    "embedding": Kind.MODEL,
    "decision": Kind.MODEL,
    "retriever": Kind.RETRIEVER,
    "reranker": Kind.RETRIEVER,
    "tool": Kind.TOOL,
    "guardrail": Kind.SAFETY,
    "evaluator": Kind.VALIDATOR,
    "agent": Kind.AGENT,
    "chain": Kind.AGENT,
    "prompt": Kind.AGENT,
    "unknown": Kind.CUSTOM,
}
OPERATIONS: dict[str, Kind] = {
    **dict.fromkeys(
        ("chat", "text_completion", "generate_content", "fetch_response", "llm_request"),
        Kind.MODEL,
    ),
    "embeddings": Kind.MODEL,
    **dict.fromkeys(("retrieval", "search_memory", "rerank", "vector_db_retrieve"), Kind.RETRIEVER),
    **dict.fromkeys(
        (
            "execute_tool",
            "create_memory",
            "update_memory",
            "upsert_memory",
            "delete_memory",
            "create_memory_store",
            "delete_memory_store",
        ),
        Kind.TOOL,
    ),
    "plan": Kind.PLANNER,
    **dict.fromkeys(
        ("invoke_agent", "create_agent", "invoke_workflow", "execute_task"), Kind.AGENT
    ),
}
_WORKFLOWS = dict.fromkeys(("agent", "chain", "workflow", "task"), Kind.AGENT)
VENDORS: dict[str, dict[str, Kind]] = {
    "langfuse.observation.type": {
        "generation": Kind.MODEL,
        "embedding": Kind.MODEL,
        "retriever": Kind.RETRIEVER,
        "tool": Kind.TOOL,
        "guardrail": Kind.SAFETY,
        "evaluator": Kind.VALIDATOR,
        **_WORKFLOWS,
    },
    "mlflow.spanType": {
        "llm": Kind.MODEL,
        "chat_model": Kind.MODEL,
        "embedding": Kind.MODEL,
        "retriever": Kind.RETRIEVER,
        "reranker": Kind.RETRIEVER,
        "tool": Kind.TOOL,
        "guardrail": Kind.SAFETY,
        "evaluator": Kind.VALIDATOR,
        "parser": Kind.CUSTOM,
        **_WORKFLOWS,
    },
    "traceloop.span.kind": {
        "llm": Kind.MODEL,
        "tool": Kind.TOOL,
        "retriever": Kind.RETRIEVER,
        **_WORKFLOWS,
    },
    "lmnr.span.type": {
        "llm": Kind.MODEL,
        "tool": Kind.TOOL,
        "evaluator": Kind.VALIDATOR,
        "default": Kind.CUSTOM,
        "pipeline": Kind.AGENT,
        "executor": Kind.AGENT,
        "evaluation": Kind.VALIDATOR,
    },
}
SUBTYPES = {
    "embedding": "embedding",
    "embeddings": "embedding",
    "decision": "decision",
    "reranker": "reranker",
    "rerank": "reranker",
    "search_memory": "memory",
}
_SDK_MODELS = ("ai.generateSpeech", "ai.transcribe")
_SDK_OUTER = (
    "ai.generateText",
    "ai.streamText",
    "ai.generateObject",
    "ai.streamObject",
    "ai.embed",
    "ai.embedMany",
    "ai.rerank",
)
_INFRASTRUCTURE = (
    ("http.", "http"),
    ("url.", "http"),
    ("db.", "database"),
    ("rpc.", "rpc"),
    ("messaging.", "messaging"),
)


def kind_of(attributes: Attributes, *, name: str = "") -> tuple[Kind, str | None, bool]:
    """(kind, subtype, whether the span says so itself); the first source that answers decides."""
    own = _own(attributes)
    if own is not None:
        return own, None, True
    for key, words in (
        ("openinference.span.kind", OPENINFERENCE),
        ("gen_ai.operation.name", OPERATIONS),
    ):
        word = _word(attributes.get(key))
        if word in words:
            return words[word], SUBTYPES.get(word), True
    found = _operation_of_sdk(attributes) or _vendor(attributes) or _tool(attributes)
    if found is not None:
        return (*found, True)
    return _guess(attributes)


def _own(attributes: Attributes) -> Kind | None:
    word = _word(attributes.get("forkpoint.kind"))
    return Kind(word) if word in _OWN else None


def _operation_of_sdk(attributes: Attributes) -> tuple[Kind, str | None] | None:
    """Vercel AI SDK: inner calls are models, the outer ones that repeat them are scopes."""
    operation = attributes.get("ai.operationId")
    if not isinstance(operation, str):
        return None
    if operation.endswith((".doGenerate", ".doStream")) or operation in _SDK_MODELS:
        return Kind.MODEL, None
    if operation.endswith(".doEmbed"):
        return Kind.MODEL, "embedding"
    if operation.endswith(".doRerank"):
        return Kind.RETRIEVER, "reranker"
    if operation == "ai.toolCall":
        return Kind.TOOL, None
    return (Kind.AGENT, None) if operation in _SDK_OUTER else None


def _vendor(attributes: Attributes) -> tuple[Kind, str | None] | None:
    for key, words in VENDORS.items():
        word = _word(attributes.get(key))
        if word in words:
            return words[word], SUBTYPES.get(word)
    if "llm.request.type" in attributes:
        subtype = SUBTYPES.get(_word(attributes["llm.request.type"]))
        return Kind.MODEL, subtype
    return None


def _tool(attributes: Attributes) -> tuple[Kind, str | None] | None:
    if attributes.get("mcp.method.name") == "tools/call":
        return Kind.TOOL, "mcp"
    if "gen_ai.tool.name" in attributes and "gen_ai.operation.name" not in attributes:
        return Kind.TOOL, None
    return None


def _guess(attributes: Attributes) -> tuple[Kind, str | None, bool]:
    if "gen_ai.agent.name" in attributes or "pydantic_ai.all_messages" in attributes:
        return Kind.AGENT, None, True
    if "gen_ai.request.model" in attributes and any(
        key.startswith("gen_ai.usage.") for key in attributes
    ):
        return Kind.MODEL, None, True
    for prefix, subtype in _INFRASTRUCTURE:
        if any(key.startswith(prefix) for key in attributes):
            return Kind.CUSTOM, subtype, False
    return Kind.CUSTOM, None, False


def _word(value: object) -> str:
    """A word as the tables have it; MLflow writes its words as JSON text."""
    return value.strip('"').lower() if isinstance(value, str) else ""
