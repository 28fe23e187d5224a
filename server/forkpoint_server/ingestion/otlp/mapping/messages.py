"""Messages in the canonical form `{role, name?, finish?, parts: [...]}` from every form in use.

One malformed message never drops the rest: what is not understood becomes a part `other`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import cast

from forkpoint_server.ingestion.otlp.mapping.memo import Memo
from forkpoint_server.ingestion.otlp.mapping.parts import (
    Fields,
    Part,
    other,
    part_of,
    text,
    tool_call,
    tool_result,
)
from forkpoint_server.ingestion.otlp.mapping.texts import parsed

Message = dict[str, object]
ROLES = {"human": "user", "ai": "assistant", "model": "assistant", "bot": "assistant"}
_ITEMS = frozenset(("function_call", "function_call_output", "reasoning"))
"""Items of OpenAI's Responses API that stand between messages."""


def messages_of(value: object, *, role: str = "user", memo: Memo | None = None) -> list[Message]:
    """All messages in a value: a list of them, one, a request that holds them, or mere text."""
    if memo is None or not isinstance(value, str) or value[:1] != "[":
        return _messages_of(value, role=role, memo=memo)
    begun = memo.begun(role, value)
    more = None if begun is None else parsed("[" + value[begun[0] :])[0]
    if begun is not None and isinstance(more, list):
        items = cast("list[object]", more)
        messages = [*begun[1], *messages_of_items(items, role=role, memo=memo)]
    else:
        messages = _messages_of(value, role=role, memo=memo)
    memo.read_text(role, value, messages)
    return messages


def _messages_of(value: object, *, role: str, memo: Memo | None) -> list[Message]:
    found, _ = parsed(value)
    if isinstance(found, Mapping):
        inner = _held(cast("Fields", found))
        if inner is not None:
            return messages_of(inner, role=role, memo=memo)
    if isinstance(found, Sequence) and not isinstance(found, str | bytes):
        items = cast("Sequence[object]", found)
        if items and all(_is_part(each) for each in items):
            return [{"role": role, "parts": [part_of(each) for each in items]}]
        return messages_of_items(items, role=role, memo=memo)
    return [] if found is None else messages_of_one(cast("object", found), role=role)


def messages_of_items(
    items: Sequence[object], *, role: str, memo: Memo | None = None
) -> list[Message]:
    """The messages of a list, those that were read before as the same objects."""
    found: list[Message] = []
    for each in items:
        if memo is None:
            found += messages_of_one(each, role=role)
        else:
            read = memo.read(each, role, partial(messages_of_one, each, role=role))
            found += cast("list[Message]", read)
    return found


def messages_of_one(value: object, *, role: str) -> list[Message]:
    """Usually one message; a request or response of Pydantic AI is one for each part's role."""
    if isinstance(value, list):  # a batch of conversations (LangChain): one after the other
        return messages_of(cast("object", value), role=role)
    return [message(value, role=role)]


def message(value: object, *, role: str = "user") -> Message:
    """One message as sent, in the canonical form."""
    found, _ = parsed(value)
    if isinstance(found, str):
        return {"role": role, "parts": [text(found)]}
    if not isinstance(found, Mapping):
        return {"role": role, "parts": [other(found)]}
    fields = _unwrapped(cast("Fields", found))
    if fields.get("type") in _ITEMS:
        result = fields["type"] == "function_call_output"
        return {"role": "tool" if result else "assistant", "parts": [part_of(fields)]}
    made: Message = {"role": _role(fields, role)}
    for name, names in (("name", ("name",)), ("finish", ("finish_reason", "finishReason"))):
        value = next((fields[each] for each in names if fields.get(each)), None)
        if isinstance(value, str):
            made[name] = value
    return {**made, "parts": _parts(fields, str(made["role"]))}


def _parts(fields: Fields, role: str) -> list[Part]:
    call_id = next((fields[name] for name in ("tool_call_id", "id") if fields.get(name)), None)
    if role == "tool" and "parts" not in fields and not _holds_results(fields.get("content")):
        return [tool_result(fields.get("content"), call_id, fields.get("name"))]
    parts = [part_of(each) for each in _content(fields)]
    parts += [part_of(each) for each in _calls(fields)]
    old = fields.get("function_call")
    if isinstance(old, Mapping):
        target = cast("Fields", old)
        parts.append(tool_call(target.get("name"), target.get("arguments")))
    return parts or [other(dict(fields))]


def _content(fields: Fields) -> list[object]:
    """The content of a message as a list of parts."""
    before: list[object] = []
    reasoning = fields.get("reasoning_content") or fields.get("reasoning")
    if isinstance(reasoning, str):
        before = [{"type": "reasoning", "text": reasoning}]
    content = fields.get("parts", fields.get("content", fields.get("contents")))
    if isinstance(content, str) and content[:1] in ("[", "{") and "parts" not in fields:
        content = _listed(content)
    if content is None or content == "":
        return before
    if isinstance(content, list):
        return [*before, *cast("list[object]", content)]
    return [*before, content]


def _listed(content: str) -> object:
    """Content sent as JSON text is read only if it is a list of parts: else it may be a quote."""
    found, _ = parsed(content)
    items = cast("list[object]", found) if isinstance(found, list) else []
    return items if items and all(_is_part(each) for each in items) else content


def _calls(fields: Fields) -> list[object]:
    calls = fields.get("tool_calls") or fields.get("toolCalls")
    if calls is None:
        extra = fields.get("additional_kwargs")
        calls = cast("Fields", extra).get("tool_calls") if isinstance(extra, Mapping) else None
    found, _ = parsed(calls)
    items = cast("list[object]", found) if isinstance(found, list) else []
    return [
        {"type": "tool_call", **_without_type(cast("Fields", each))}
        if isinstance(each, Mapping)
        else each
        for each in items
    ]


def _without_type(call: Fields) -> Fields:
    inner = call.get("tool_call")
    fields = cast("Fields", inner) if isinstance(inner, Mapping) else call
    return {name: value for name, value in fields.items() if name != "type"}


def _role(fields: Fields, role: str) -> str:
    found = fields.get("role") or fields.get("type") or fields.get("kind")
    if not isinstance(found, str):
        return role
    word = found.lower()
    if word in ("request", "response"):  # Pydantic AI
        return "user" if word == "request" else "assistant"
    return ROLES.get(word, word if word != "message" else role)


def _unwrapped(fields: Fields) -> Fields:
    """OpenInference's `{message: ...}`, LangChain's `{type, data}`, a choice's `{message: ...}`."""
    inner = fields.get("message")
    if isinstance(inner, Mapping):
        finish = fields.get("finish_reason")
        made = _openinference(cast("Fields", inner))
        return {**made, "finish_reason": finish} if finish else made
    data = fields.get("data")
    if isinstance(data, Mapping) and "content" in data and "role" not in fields:
        return {**cast("Fields", data), "type": fields.get("type")}
    return fields


def _openinference(fields: Fields) -> Fields:
    """Contents and old function calls under the names the others use."""
    made = dict(fields)
    contents = made.pop("contents", None)
    if isinstance(contents, list):
        made["content"] = [_content_of(each) for each in cast("list[object]", contents)]
    name = made.pop("function_call_name", None)
    arguments = made.pop("function_call_arguments_json", None)
    if name is not None:
        made["function_call"] = {"name": name, "arguments": arguments}
    return made


def _content_of(value: object) -> object:
    inner = cast("Fields", value).get("message_content") if isinstance(value, Mapping) else None
    return cast("object", inner) if isinstance(inner, Mapping) else cast("object", value)


def _held(fields: Fields) -> object:
    """The messages inside a request or response of a provider, None if this is no such thing."""
    for name in ("messages", "contents", "choices", "prompt"):
        if isinstance(fields.get(name), list) and "role" not in fields:
            return fields[name]
    output = fields.get("output")
    if isinstance(output, list) and fields.get("object") == "response":
        return cast("object", output)
    content = fields.get("content")
    if isinstance(content, Mapping) and "parts" in content and "role" not in fields:
        return [cast("object", content)]  # Google
    return None


def _is_part(value: object) -> bool:
    if not isinstance(value, Mapping):
        return False
    fields = cast("Fields", value)
    return (
        "role" not in fields
        and isinstance(fields.get("type"), str)
        and (fields["type"] not in ("message", "human", "ai", "system", "tool", *_ITEMS))
    )


def _holds_results(content: object) -> bool:
    items = cast("list[object]", content) if isinstance(content, list) else []
    return any(
        isinstance(each, Mapping)
        and cast("Fields", each).get("type") in ("tool-result", "tool_result", "tool_call_response")
        for each in items
    )
