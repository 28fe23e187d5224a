"""One part of a message in the canonical form, whoever wrote it.

    text | reasoning {text} | tool_call {id, name, arguments} | tool_result {id, value}
    media {url | data, media_type} | file {...} | other {value}

What is not understood stays verbatim as `other`; no part is ever dropped.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import cast

from forkpoint_server.ingestion.otlp.mapping.texts import parsed

Part = dict[str, object]
Fields = Mapping[str, object]


def part_of(value: object) -> Part:
    """The canonical part of one part as sent."""
    if isinstance(value, str):
        return text(value)
    if not isinstance(value, Mapping):
        return other(value)
    fields = cast("Fields", value)
    word = fields.get("type") or fields.get("part_kind") or fields.get("kind")
    reader = _READERS.get(word) if isinstance(word, str) else None
    made = reader(fields) if reader is not None else _unnamed(fields)
    return made if made is not None else other(dict(fields))


def text(value: str) -> Part:
    """A text part."""
    return {"type": "text", "text": value}


def other(value: object) -> Part:
    """A part nobody understands."""
    return {"type": "other", "value": value}


def tool_call(name: object, arguments: object, call_id: object = None) -> Part:
    """A call that a model asks for; arguments sent as JSON text are read."""
    made: Part = {"type": "tool_call", "name": name, "arguments": parsed(arguments)[0]}
    return made if call_id in (None, "") else {**made, "id": call_id}


def tool_result(value: object, call_id: object = None, name: object = None) -> Part:
    """What a tool gave back, as a model is told."""
    made: Part = {"type": "tool_result", "value": parsed(value)[0]}
    made |= {} if call_id in (None, "") else {"id": call_id}
    return made if name in (None, "") else {**made, "name": name}


def _first(fields: Fields, *names: str) -> object:
    return next((fields[name] for name in names if fields.get(name) is not None), None)


def _text(fields: Fields) -> Part | None:
    found = _first(fields, "text", "content", "value")
    return text(found) if isinstance(found, str) else None


def _reasoning(fields: Fields) -> Part | None:
    found = _first(fields, "text", "content", "thinking", "reasoning", "summary")
    if found is None:
        return None
    made: Part = {"type": "reasoning", "text": found}
    extra = {name: fields[name] for name in ("id", "signature", "data") if name in fields}
    return made | extra


def _call(fields: Fields) -> Part | None:
    inner = fields.get("function")
    target = cast("Fields", inner) if isinstance(inner, Mapping) else fields
    name = _first(target, "name", "toolName", "tool_name")
    if name is None:
        return None
    arguments = _first(target, "arguments", "args", "input", "parameters")
    call_id = _first(fields, "id", "toolCallId", "tool_call_id", "call_id")
    if fields.get("type") == "function_call" and "call_id" in fields:
        call_id = fields["call_id"]  # `id` is that of the item (Responses API)
    return tool_call(name, arguments, call_id)


def _result(fields: Fields) -> Part | None:
    value = _first(fields, "response", "result", "output", "content", "value")
    call_id = _first(fields, "tool_call_id", "toolCallId", "tool_use_id", "call_id", "id")
    return tool_result(value, call_id, _first(fields, "name", "toolName", "tool_name"))


def _server_call(fields: Fields) -> Part | None:
    """A call that the provider's own side executes: no tool step answers it."""
    name = fields.get("name")
    if name is None:
        return None
    made = tool_call(name, fields.get("server_tool_call"), fields.get("id"))
    return {**made, "server": True}


def _server_result(fields: Fields) -> Part | None:
    return {
        **tool_result(fields.get("server_tool_call_response"), fields.get("id")),
        "server": True,
    }


def _media(fields: Fields) -> Part | None:
    inner = _first(fields, "image_url", "image", "input_audio", "audio", "video", "source", "url")
    made: Part = {"type": "media"}
    target = cast("Fields", inner) if isinstance(inner, Mapping) else fields
    url = _first(target, "url", "uri", "image_url") if target is not fields else None
    if url is None:
        url = inner if isinstance(inner, str) else _first(fields, "uri", "url")
    data = _first(target, "data", "content", "base64")
    kind = _first(target, "media_type", "mime_type", "mimeType", "mediaType", "format", "modality")
    made |= {} if url is None else {"url": url}
    made |= {} if data is None or url is not None else {"data": data}
    made |= {} if kind is None else {"media_type": kind}
    return made if len(made) > 1 and ("url" in made or "data" in made) else None


def _file(fields: Fields) -> Part | None:
    return {**fields, "type": "file"}


def _unnamed(fields: Fields) -> Part | None:
    """Parts without a type: Google's, and texts."""
    call, response = fields.get("function_call"), fields.get("function_response")
    if isinstance(call, Mapping):
        return _call({"type": "tool_call", **cast("Fields", call)})
    if isinstance(response, Mapping):
        return _result(cast("Fields", response))
    inline = _first(fields, "inline_data", "inlineData")
    if isinstance(inline, Mapping):
        return _media({"source": cast("object", inline)})
    found = fields.get("text")
    if isinstance(found, str):
        made = text(found)
        return {**made, "type": "reasoning"} if fields.get("thought") is True else made
    return None


def _readers() -> dict[str, Callable[[Fields], Part | None]]:
    words: dict[Callable[[Fields], Part | None], str] = {
        _text: "text input_text output_text system-prompt user-prompt instruction",
        _reasoning: "reasoning thinking redacted_thinking reasoning_text",
        _call: "tool_call tool-call tool_use function_call function tool_calls builtin-tool-call",
        _result: "tool_call_response tool_result tool-result tool_response function_call_output"
        " tool-return function_response builtin-tool-return",
        _server_call: "server_tool_call",
        _server_result: "server_tool_call_response",
        _media: "image image_url input_image audio input_audio video blob uri media image-url"
        " audio-url video-url binary",
        _file: "file input_file document document-url",
    }
    return {word: reader for reader, names in words.items() for word in names.split()}


_READERS = _readers()
