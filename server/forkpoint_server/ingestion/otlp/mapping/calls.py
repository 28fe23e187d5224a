"""What each kind of step was given and gave back, read from the attributes of its span."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias, cast

from forkpoint.capture.parts import split_system
from forkpoint.events.kinds import Kind

from forkpoint_server.ingestion.otlp.mapping import names
from forkpoint_server.ingestion.otlp.mapping.attributes import Attributes
from forkpoint_server.ingestion.otlp.mapping.happenings import (
    Happening,
    choices_in,
    messages_in,
)
from forkpoint_server.ingestion.otlp.mapping.messages import (
    Message,
    message,
    messages_of,
    messages_of_items,
)
from forkpoint_server.ingestion.otlp.mapping.texts import list_of, mapping_of, parsed

Parts: TypeAlias = dict[str, object]
_NO_EFFECT = ("user", "metadata", "store", "timeout", "billing", "prompt_cache_key")
_PARTS = ("messages", "model", "tools", "input", "instructions", "function_tools", "contents")
_ANSWER = ("id", "object", "created", "created_at", "completed_at", "status", "usage", "output")
_NEVER = frozenset((*_NO_EFFECT, *_PARTS, *_ANSWER, "error", "incomplete_details", "prompt"))
"""Members of recorded parameters that are none: some senders write whole requests or answers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """Parts of the input and the output of a step."""

    parts: Parts = field(default_factory=dict[str, object])
    output: object = None
    name: str | None = None
    """A better name than the span's."""
    was_text: tuple[str, ...] = ()
    """Roles whose value was sent as JSON text."""


def model(attributes: Attributes) -> Content:
    """A model call."""
    parts: Parts = {}
    identity = {
        "provider": attributes.text(*names.PROVIDER),
        "id": attributes.text(*names.MODEL),
    }
    parts["model"] = {name: value for name, value in identity.items() if value is not None}
    parts["params"] = _params(attributes)
    parts["tools"] = _tools(attributes)
    parts["format"] = _format(attributes)
    system = attributes.first(*names.SYSTEM)
    if system is not None:
        parts["system"] = messages_of(system, role="system")
    parts["messages"] = _input_messages(attributes)
    if "system" not in parts:
        split_system(parts)
    output = _output_messages(attributes) or _typed_answer(attributes)
    return Content(parts=_present(parts), output=output or None)


def retriever(attributes: Attributes) -> Content:
    """A search or a ranking."""
    query, was_text = parsed(attributes.first(*names.QUERY))
    params = {"top_k": attributes.first(*names.PARAMS["top_k"])}
    given = attributes.listed("reranker.input_documents")
    parts: Parts = {
        "query": query,
        "filters": [_document(each) for each in given] or None,
        "params": _present(params),
        "index": attributes.first(*names.INDEX) or attributes.first(*names.MODEL),
    }
    found = attributes.listed("retrieval.documents") or attributes.listed(
        "reranker.output_documents"
    )
    output = [_document(each) for each in found] if found else None
    if output is None:
        output, _ = parsed(attributes.first(*names.DOCUMENTS))
    return Content(
        parts=_present(parts), output=output, was_text=("input.query",) if was_text else ()
    )


def tool(attributes: Attributes) -> Content:
    """A tool call; the step is called like the tool."""
    args, args_text = parsed(attributes.first(*names.TOOL_ARGS))
    output, output_text = parsed(attributes.first(*names.TOOL_RESULT))
    roles = (("input.args", args_text), ("output", output_text))
    return Content(
        parts=_present({"args": args}),
        output=output,
        name=attributes.text(*names.TOOL_NAME),
        was_text=tuple(role for role, was_text in roles if was_text),
    )


def planner(attributes: Attributes) -> Content:
    """A step that makes a plan."""
    goal, output = _in_and_out(attributes)
    return Content(parts=_present({"goal": goal}), output=output)


def judge(attributes: Attributes) -> Content:
    """A validator or a guardrail."""
    subject, output = _in_and_out(attributes)
    said = verdict(attributes)
    return Content(parts=_present({"subject": subject}), output=said if output is None else output)


def verdict(attributes: Attributes) -> object:
    """What is said of a step's worth, on whatever span: None if nothing is."""
    found = attributes.listed("evaluations") or attributes.listed("annotations")
    if found:
        return [_of_feedback(each) for each in found]
    said = {
        name: attributes.first(f"gen_ai.evaluation.{source}")
        for name, source in (
            ("name", "name"),
            ("score", "score.value"),
            ("label", "score.label"),
            ("explanation", "explanation"),
        )
    }
    return _present(said) or None


def _of_feedback(value: object) -> object:
    """OpenInference's `{evaluation: {...}}` and `{annotation: {...}}`."""
    if isinstance(value, Mapping) and len(cast("Parts", value)) == 1:
        [(name, inner)] = cast("Parts", value).items()
        return inner if name in ("evaluation", "annotation") else cast("object", value)
    return cast("object", value)


def scope(attributes: Attributes) -> Content:
    """A step that holds others, or is none of the rest."""
    given, output = _in_and_out(attributes)
    if given is None:
        given = attributes.first("gen_ai.input.messages", "pydantic_ai.all_messages", "ai.prompt")
        given = None if given is None else messages_of(given)
    if output is None:
        found = _output_messages(attributes)
        output = found or None
    return Content(parts=_present({"input": given}), output=output)


def with_happenings(content: Content, kind: Kind, happenings: Sequence[Happening]) -> Content:
    """Content completed by what events said; attributes win."""
    if kind is not Kind.MODEL:
        return content
    parts = dict(content.parts)
    if "messages" not in parts:
        found = messages_in(happenings)
        if found:
            parts["messages"] = found
            if "system" not in parts:
                split_system(parts)
    output = content.output if content.output is not None else choices_in(happenings) or None
    return replace(content, parts=_present(parts), output=output)


def _in_and_out(attributes: Attributes) -> tuple[object, object]:
    given, _ = parsed(attributes.first(*names.INPUT))
    output, _ = parsed(attributes.first(*names.OUTPUT))
    return given, output


def _input_messages(attributes: Attributes) -> list[Message] | None:
    """Flattened messages first, then whole values, then the texts of an embedding."""
    found = attributes.listed("llm.input_messages")
    if found:
        attributes.read("input.value", "input.mime_type")  # the same once more
        return _messages(attributes, found, "user")
    prompts = attributes.listed("llm.prompts")
    if prompts:
        texts = [_at(each, "prompt", "text") for each in prompts]
        return [message(each) for each in texts]
    texts = [_at(each, "embedding", "text") for each in attributes.listed("embedding.embeddings")]
    if any(isinstance(each, str) for each in texts):
        return [message(each) for each in texts]
    flat = attributes.listed("gen_ai.prompt")
    if flat and "gen_ai.input.messages" not in attributes:
        return _messages(attributes, flat, "user")
    value = attributes.first(*names.MESSAGES, "ai.value", "ai.values")
    return messages_of(value, memo=attributes.memo) or None


def _messages(attributes: Attributes, items: Sequence[object], role: str) -> list[Message]:
    return messages_of_items(items, role=role, memo=attributes.memo)


def _output_messages(attributes: Attributes) -> list[Message]:
    found = attributes.listed("llm.output_messages")
    if found:
        attributes.read("output.value", "output.mime_type")
        return _messages(attributes, found, "assistant")
    choices = attributes.listed("llm.choices")
    if choices:
        texts = [_at(each, "completion", "text") for each in choices]
        return [message(each, role="assistant") for each in texts]
    flat = attributes.listed("gen_ai.completion")
    if flat and "gen_ai.output.messages" not in attributes:
        return _messages(attributes, flat, "assistant")
    answer = _sdk_answer(attributes)
    if answer is not None:
        return [answer]
    value = attributes.first(*names.ANSWER)
    return messages_of(value, role="assistant", memo=attributes.memo)


def _sdk_answer(attributes: Attributes) -> Message | None:
    """The answer of the Vercel AI SDK, which writes each part under a name of its own."""
    text = attributes.text("ai.response.text", "ai.response.object")
    reasoning = attributes.text("ai.response.reasoning")
    called = list_of(attributes.first("ai.response.toolCalls"))
    if text is None and reasoning is None and not called:
        return None
    parts: list[object] = []
    parts += [{"type": "reasoning", "text": reasoning}] if reasoning else []
    parts += [{"type": "text", "text": text}] if text else []
    parts += [{**mapping_of(each), "type": "tool_call"} for each in called]
    return message({"role": "assistant", "content": parts}, role="assistant")


def _typed_answer(attributes: Attributes) -> object:
    """Answers that are no messages: vectors, decisions."""
    vectors = [
        _at(each, "embedding", "vector") for each in attributes.listed("embedding.embeddings")
    ]
    if any(each is not None for each in vectors):
        return vectors
    found = attributes.first("ai.decision.answers", "ai.embeddings", "ai.embedding")
    return parsed(found)[0]


def _params(attributes: Attributes) -> Parts:
    """Each parameter by itself: a list of parameters in JSON, then attributes of their own."""
    found: Parts = {}
    for name in names.PARAMS_AS_JSON:
        for key, value in mapping_of(attributes.first(name)).items():
            if key not in _NEVER and not key.startswith("stream"):
                found.setdefault(key, value)
    for key, sources in names.PARAMS.items():
        value = attributes.first(*sources)
        if value is not None:
            found.setdefault(key, value)
    attributes.read(*names.UNSIGNED)
    return found


def _tools(attributes: Attributes) -> list[object] | None:
    found = attributes.listed("llm.tools")
    if found:
        return [parsed(_at(each, "tool", "json_schema"))[0] for each in found]
    flat = attributes.listed("llm.request.functions")
    value = flat or attributes.first(*names.TOOLS)
    if value is None:
        asked = mapping_of(attributes.get("model_request_parameters"))
        value = asked.get("function_tools")
    return [parsed(each)[0] for each in list_of(value)] or None


def _format(attributes: Attributes) -> Parts:
    return _present(
        {name: parsed(attributes.first(*keys))[0] for name, keys in names.FORMAT.items()}
    )


def _document(value: object) -> object:
    inner = cast("Parts", value).get("document") if isinstance(value, Mapping) else None
    if not isinstance(inner, Mapping):
        return cast("object", value)
    found = dict(cast("Parts", inner))
    found["metadata"] = parsed(found.get("metadata"))[0]
    return _present(found)


def _at(value: object, *path: str) -> object:
    for name in path:
        if not isinstance(value, Mapping):
            return None
        value = cast("Parts", value).get(name)
    return value


def _present(values: Mapping[str, object]) -> Parts:
    return {name: value for name, value in values.items() if value not in (None, {}, [])}
