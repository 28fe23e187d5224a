"""Turns of parts told to a provider that speaks chat completions, and its reply back as parts.

For derived runs, which do not say how their provider was asked. Reasoning is left out: no provider
takes that of another. What cannot be told (media, files, what a provider did by itself) is refused.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import cast

import orjson

from forkpoint.content.blocks import Value
from forkpoint.replay.calls import objects_in, parsed_arguments

Fields = Mapping[str, object]
_UNTOLD = frozenset({"model", "messages", "tools", "stream", "stream_options", "n"})
"""Parameters that are set anew, or would bring what is not read."""
_ROLES = frozenset({"system", "developer", "user", "assistant", "tool"})
_SCHEMAS = ("parameters", "inputSchema", "input_schema", "json_schema")


class Untellable(ValueError):
    """Something in the recorded turns has no form in chat completions."""


def chat_body(parts: Mapping[str, object]) -> dict[str, object]:
    """The request without its model. Raises `Untellable`."""
    params = cast("Fields", parts.get("params") or {})
    if params.get("previous_response_id"):
        raise Untellable("the conversation was kept by the provider (previous_response_id)")
    body: dict[str, object] = {name: value for name, value in params.items() if name not in _UNTOLD}
    body |= _format(cast("Fields", parts.get("format") or {}))
    tools = [_tool(one) for one in objects_in(parts.get("tools"))]
    body |= {"tools": tools} if tools else {}
    talk = [*objects_in(parts.get("system")), *objects_in(parts.get("messages"))]
    return {**body, "messages": list(_messages(talk))}


def parts_of_reply(completion: object) -> list[Value] | None:
    """A chat completion as one message of parts; None for what is none."""
    choices = objects_in(cast("Fields", completion).get("choices"))
    message = choices[0].get("message") if choices else None
    if not isinstance(message, dict):
        return None
    said = cast("Fields", message)
    parts: list[object] = []
    if isinstance(said.get("content"), str) and said["content"]:
        parts.append({"type": "text", "text": said["content"]})
    for call in objects_in(said.get("tool_calls")):
        function = cast("Fields", call.get("function") or {})
        asked = {
            "name": function.get("name"),
            "arguments": parsed_arguments(function.get("arguments")),
        }
        parts.append({"type": "tool_call", "id": call.get("id"), **asked})
    finish = choices[0].get("finish_reason")
    made = {"role": "assistant", "parts": parts, **({"finish": finish} if finish else {})}
    return [cast("Value", made)]


def _messages(talk: Sequence[Fields]) -> Iterator[Fields]:
    """Calls without an id get one, and the results that follow take them in order."""
    open_ids: list[str] = []
    made = 0
    for message in talk:
        role, parts = str(message.get("role")), objects_in(message.get("parts"))
        if role not in _ROLES:
            raise Untellable(f"a message of the role {role}")
        text = "".join(_text(part) for part in parts)
        calls = [part for part in parts if part.get("type") == "tool_call"]
        results = [part for part in parts if part.get("type") == "tool_result"]
        told: list[Fields] = []
        for call in calls:
            made += 1
            told.append(_call(call, number=made))
        open_ids += [str(call["id"]) for call in told]
        for part in results:
            name = str(part.get("id") or (open_ids[0] if open_ids else ""))
            open_ids = [one for one in open_ids if one != name]
            yield {"role": "tool", "tool_call_id": name, "content": _told(part.get("value"))}
        if told:
            yield {"role": "assistant", "content": text or None, "tool_calls": told}
        elif text or not results:
            yield {"role": role, "content": text}


def _text(part: Fields) -> str:
    kind = part.get("type")
    if part.get("server") or kind not in ("text", "reasoning", "tool_call", "tool_result"):
        raise Untellable(f"a part of the type {kind}" + (" of the provider" * ("server" in part)))
    return str(part.get("text") or "") if kind == "text" else ""


def _call(part: Fields, *, number: int) -> Fields:
    function = {"name": part.get("name"), "arguments": _told(part.get("arguments") or {})}
    return {"id": part.get("id") or f"call_{number}", "type": "function", "function": function}


def _tool(tool: Fields) -> Fields:
    """A tool as chat completions name it, from the forms in which traces have it."""
    if isinstance(tool.get("function"), dict):
        return {"type": "function", "function": tool["function"]}
    if not tool.get("name"):
        raise Untellable("a tool without a name")
    schema = next((tool[name] for name in _SCHEMAS if isinstance(tool.get(name), dict)), None)
    function: dict[str, object] = {"name": tool["name"]}
    function |= {"description": tool["description"]} if tool.get("description") else {}
    function |= {} if schema is None else {"parameters": schema}
    return {"type": "function", "function": function}


def _format(form: Fields) -> dict[str, object]:
    said: dict[str, object] = {}
    kind, schema = form.get("type"), form.get("schema")
    if isinstance(kind, dict):
        said["response_format"] = kind
    elif isinstance(schema, dict):
        named = {"name": "answer", "schema": cast("Fields", schema)}
        said["response_format"] = {"type": "json_schema", "json_schema": named}
    elif kind == "json":
        said["response_format"] = {"type": "json_object"}
    return said | ({"tool_choice": form["tool_choice"]} if form.get("tool_choice") else {})


def _told(value: object) -> str:
    return value if isinstance(value, str) else orjson.dumps(value).decode()
