"""The names a field is read from, left to right: the first with a value wins, field by field.

OpenInference 0.1.42, GenAI conventions 0.1 and their old forms, AI SDK 5-7, Langfuse, MLflow,
Traceloop, Pydantic AI, Laminar (OTLP guide, section 6).
"""

from __future__ import annotations

MODEL = (
    "llm.request.model_name",
    "llm.model_name",
    "embedding.model_name",
    "reranker.model_name",
    "decision.request.model_name",
    "decision.model_name",
    "gen_ai.request.model",
    "ai.model.id",
    "langfuse.observation.model.name",
    "mlflow.llm.model",
)
PROVIDER = (
    "llm.provider",
    "llm.system",
    "decision.provider",
    "decision.system",
    "gen_ai.provider.name",
    "gen_ai.system",
    "ai.model.provider",
    "mlflow.llm.provider",
)
ANSWERED = (
    "llm.response.model_name",
    "decision.response.model_name",
    "gen_ai.response.model",
    "ai.response.model",
)
INPUT = (
    "input.value",
    "langfuse.observation.input",
    "mlflow.spanInputs",
    "traceloop.entity.input",
    "lmnr.span.input",
)
OUTPUT = (
    "output.value",
    "langfuse.observation.output",
    "mlflow.spanOutputs",
    "traceloop.entity.output",
    "lmnr.span.output",
    "final_result",
)
SYSTEM = ("gen_ai.system_instructions",)
MESSAGES = (
    "gen_ai.input.messages",
    "gen_ai.prompt",
    "ai.prompt.messages",
    "ai.prompt",
    "pydantic_ai.all_messages",
    *INPUT,
)
ANSWER = ("gen_ai.output.messages", "gen_ai.completion", *OUTPUT)
TOOLS = (
    "gen_ai.tool.definitions",
    "ai.prompt.tools",
    "mlflow.chat.tools",
    "llm.function_call",
)
FORMAT = {
    "type": ("gen_ai.output.type", "gen_ai.openai.request.response_format"),
    "schema": ("ai.schema", "gen_ai.request.structured_output_schema"),
    "tool_choice": ("ai.prompt.toolChoice",),
}
PARAMS_AS_JSON = (
    "llm.invocation_parameters",
    "embedding.invocation_parameters",
    "langfuse.observation.model.parameters",
    "model_request_parameters",
)
PARAMS = {
    "max_tokens": ("gen_ai.request.max_tokens",),
    "max_completion_tokens": ("gen_ai.request.max_completion_tokens",),
    "n": ("gen_ai.request.choice.count", "gen_ai.request.n"),
    "temperature": ("gen_ai.request.temperature",),
    "top_p": ("gen_ai.request.top_p",),
    "top_k": ("gen_ai.request.top_k", "reranker.top_k", "gen_ai.retrieval.top_k"),
    "stop": ("gen_ai.request.stop_sequences",),
    "frequency_penalty": ("gen_ai.request.frequency_penalty",),
    "presence_penalty": ("gen_ai.request.presence_penalty",),
    "seed": ("gen_ai.request.seed", "gen_ai.openai.request.seed"),
    "encoding_formats": ("gen_ai.request.encoding_formats",),
    "reasoning_effort": ("gen_ai.request.reasoning.level", "gen_ai.request.reasoning_effort"),
    "previous_response_id": ("gen_ai.request.previous_response.id",),
    "dimensions": ("gen_ai.embeddings.dimension.count",),
}
UNSIGNED = ("gen_ai.request.stream", "gen_ai.request.stream_cursor")
"""They change how an answer comes, not what it says."""
TOOL_NAME = ("tool.name", "gen_ai.tool.name", "ai.toolCall.name", "mcp.tool.name")
TOOL_ARGS = (
    "gen_ai.tool.call.arguments",
    "ai.toolCall.args",
    "tool_arguments",
    "mcp.request.argument",
    *INPUT,
    "tool.parameters",
)
TOOL_RESULT = (
    "gen_ai.tool.call.result",
    "ai.toolCall.result",
    "tool_response",
    "mcp.response.value",
    *OUTPUT,
)
CALL_ID = ("tool.id", "gen_ai.tool.call.id", "ai.toolCall.id")
QUERY = (
    "reranker.query",
    "gen_ai.retrieval.query.text",
    "gen_ai.memory.query.text",
    *INPUT,
)
DOCUMENTS = (
    "gen_ai.retrieval.documents",
    "gen_ai.memory.records",
    "ai.documents",
    "ai.ranking",
    *OUTPUT,
)
INDEX = ("gen_ai.data_source.id", "gen_ai.memory.store.id", "db.collection.name")
SESSION = (
    "session.id",
    "gen_ai.conversation.id",
    "langfuse.session.id",
    "mlflow.trace.session",
    "traceloop.association.properties.session_id",
    "logfire.session_id",
)
USER = (
    "user.id",
    "langfuse.user.id",
    "mlflow.trace.user",
    "traceloop.association.properties.user_id",
)
TAGS = ("tag.tags", "langfuse.trace.tags")
RUN_NAME = ("langfuse.trace.name", "gen_ai.workflow.name", "traceloop.workflow.name")
ABOUT: dict[str, dict[str, tuple[str, ...]]] = {
    "answered": {
        "id": ("gen_ai.response.id", "ai.response.id"),
        "status": ("gen_ai.response.status",),
        "time_to_first_chunk": ("gen_ai.response.time_to_first_chunk",),
        "ms_to_first_chunk": ("ai.response.msToFirstChunk",),
    },
    "scope": {
        "agent": (
            "agent.name",
            "gen_ai.agent.name",
            "ai.telemetry.functionId",
            "traceloop.entity.name",
        ),
        "agent_id": ("gen_ai.agent.id",),
        "agent_version": ("gen_ai.agent.version",),
        "description": ("gen_ai.agent.description",),
        "node": ("graph.node.id",),
        "node_name": ("graph.node.name",),
        "node_parent": ("graph.node.parent_id",),
        "path": ("traceloop.entity.path",),
    },
    "template": {
        "name": (
            "prompt.id",
            "gen_ai.prompt.name",
            "langfuse.observation.prompt.name",
            "traceloop.prompt.key",
        ),
        "version": (
            "llm.prompt_template.version",
            "gen_ai.prompt.version",
            "langfuse.observation.prompt.version",
            "traceloop.prompt.version",
        ),
        "text": ("llm.prompt_template.template", "traceloop.prompt.template"),
        "variables": ("llm.prompt_template.variables", "traceloop.prompt.template_variables"),
        "vendor": ("prompt.vendor",),
        "url": ("prompt.url",),
    },
}
"""What is shown of a step beside its fields: what answered, the scope it is of, its prompt."""
ABOUT_NAMES = frozenset(
    name for fields in ABOUT.values() for sources in fields.values() for name in sources
)
ERROR_CLASS = ("error.type", "exception.type")
