"""Turns as derived runs hold them: messages of parts, whoever the provider was.

    {role, name?, finish?, parts: [text | reasoning | tool_call | tool_result | ...]}

The form that traces of OpenTelemetry are mapped to. A request repeats a reply without its
`finish`; results are one message each or all in one. Results that are JSON text stand read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

import orjson

from forkpoint.content.blocks import Value
from forkpoint.replay.calls import ToolCall

Fields = Mapping[str, object]
PARTS_REPLIES = 2
"""Ways to repeat a reply: without its `finish`, and whole."""
PARTS_RESULTS = 4
"""Ways to tell results: a message each, that with the tool's name, one message, one of the user."""


def is_parts(output: object) -> bool:
    """Whether an answer is one message of parts in a list."""
    if not isinstance(output, list) or len(cast("list[object]", output)) != 1:
        return False
    [message] = cast("list[object]", output)
    if not isinstance(message, dict):
        return False
    fields = cast("Fields", message)
    return fields.get("role") == "assistant" and isinstance(fields.get("parts"), list)


def parts_calls(output: object) -> list[ToolCall]:
    """The tool calls of a reply that the agent has to answer, in order."""
    return [
        ToolCall(
            id=str(part.get("id") or ""), name=str(part.get("name")), args=part.get("arguments")
        )
        for part in _parts(output)
        if part.get("type") == "tool_call" and not part.get("server")
    ]


def parts_reply(output: object, way: int) -> list[Value]:
    """What a reply adds to the messages of the next request."""
    message = _message(output)
    kept = {name: value for name, value in message.items() if way or name != "finish"}
    return [cast("Value", kept)]


def parts_results(told: Sequence[tuple[str, str, str]], way: int) -> list[Value]:
    """What the results of (call id, tool name, text) add, in call order."""
    parts: list[Value] = []
    for call_id, name, text in told:
        part: dict[str, Value] = {"type": "tool_result", "value": _read(text)}
        part |= {"id": call_id} if call_id else {}
        part |= {"name": name} if way == 1 else {}
        parts.append(cast("Value", part))
    if way < 2:
        return [{"role": "tool", "parts": [part]} for part in parts]
    return [{"role": "tool" if way == 2 else "user", "parts": parts}] if parts else []


def parts_text(output: object) -> str:
    """What a reply says to people."""
    return "".join(str(part.get("text")) for part in _parts(output) if part.get("type") == "text")


def _message(output: object) -> Fields:
    return cast("Sequence[Fields]", output)[0]


def _parts(output: object) -> list[Fields]:
    parts = cast("list[object]", _message(output).get("parts"))
    return [cast("Fields", part) for part in parts if isinstance(part, dict)]


def _read(text: str) -> Value:
    """A text as it stands in a message of parts: read if it is the JSON of an object or list."""
    if text.lstrip()[:1] not in ("{", "["):
        return text
    try:
        return cast("Value", orjson.loads(text))
    except orjson.JSONDecodeError:
        return text
