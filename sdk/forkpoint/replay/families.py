"""How providers write a turn: a reply, the tool calls in it, and the messages that answer them.

Four families: chat completions and responses of OpenAI, messages of Anthropic, and the messages of
parts that traces are mapped to. Client libraries
repeat a reply in the next request in a few ways, which are numbered `forms`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, cast

from forkpoint.content.blocks import Value
from forkpoint.errors import EventError
from forkpoint.events.canonical import Plain, canonical_bytes
from forkpoint.replay.calls import ToolCall, objects_in, parsed_arguments
from forkpoint.replay.partsfamily import (
    PARTS_REPLIES,
    PARTS_RESULTS,
    is_parts,
    parts_calls,
    parts_reply,
    parts_results,
    parts_text,
)

Fields = Mapping[str, object]
Family = Literal["chat", "responses", "messages", "parts"]
RESULT_FORMS = 2
"""Ways to write a chat message with a tool's result: without and with its name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """One way in which a client writes turns down."""

    reply: int
    result: int
    encoding: int
    """Index in `TOLD`."""

    def quoting(self) -> Form:
        """The same form for what is no text."""
        return Form(reply=self.reply, result=self.result, encoding=1)


def forms(family: Family) -> list[Form]:
    """All ways of a family, the usual first."""
    replies, results = _WAYS.get(family, (1, 1))
    return [
        Form(reply=reply, result=result, encoding=encoding)
        for encoding in range(len(TOLD))
        for reply in range(replies)
        for result in range(results)
    ]


def family_of(output: object) -> Family | None:
    """The family of a recorded reply; None for one of no known form."""
    if is_parts(output):
        return "parts"
    if not isinstance(output, dict):
        return None
    reply = cast("Fields", output)
    if isinstance(reply.get("output"), list):
        return "responses"
    if "choices" in reply or reply.get("role") == "assistant":
        content = reply.get("content")
        blocks = isinstance(content, list) and "tool_calls" not in reply
        typed = blocks and all(isinstance(block, dict) for block in cast("list[object]", content))
        return "messages" if typed and "choices" not in reply else "chat"
    return None


def calls_of(family: Family, output: object) -> list[ToolCall]:
    """The tool calls of a reply, in order."""
    if family == "parts":
        return parts_calls(output)
    if family == "chat":
        asked = objects_in(_message(output).get("tool_calls"))
        return [_chat_call(call) for call in asked]
    if family == "responses":
        items = list(objects_in(cast("Fields", output).get("output")))
        return [
            ToolCall(
                id=str(item.get("call_id")),
                name=str(item.get("name")),
                args=parsed_arguments(item.get("arguments")),
            )
            for item in items
            if item.get("type") == "function_call"
        ]
    return [
        ToolCall(id=str(block.get("id")), name=str(block.get("name")), args=block.get("input"))
        for block in objects_in(cast("Fields", output).get("content"))
        if block.get("type") == "tool_use"
    ]


def reply_items(family: Family, output: object, form: Form) -> list[Value]:
    """What a reply adds to the messages of the next request."""
    if family == "parts":
        return parts_reply(output, form.reply)
    if family == "chat":
        return [cast("Value", _REPLIES[form.reply](_message(output)))]
    if family == "responses":
        return list(cast("Sequence[Value]", cast("Fields", output).get("output")))
    content = cast("Value", cast("Fields", output).get("content"))
    return [{"role": "assistant", "content": content}]


def result_items(
    family: Family, calls: Sequence[ToolCall], texts: Sequence[str], form: Form
) -> list[Value]:
    """What the results of a reply's calls add, in call order."""
    pairs = list(zip(calls, texts, strict=True))
    if family == "parts":
        told = [(call.id, call.name, text) for call, text in pairs]
        return parts_results(told, form.result)
    if family == "chat":
        return [_chat_result(call, text, form) for call, text in pairs]
    if family == "responses":
        return [
            {"type": "function_call_output", "call_id": call.id, "output": text}
            for call, text in pairs
        ]
    blocks: list[Value] = [
        {"type": "tool_result", "tool_use_id": call.id, "content": text} for call, text in pairs
    ]
    return [{"role": "user", "content": blocks}] if blocks else []


def readings(family: Family, output: object, form: Form, *, said: str) -> list[Value]:
    """What an agent may make of a reply as its own answer: its text, what was `said` last in the
    conversation if that was before it, the message, the reply."""
    items = reply_items(family, output, form)
    return [text_of(family, output), said, *items, items, cast("Value", output)]


def text_of(family: Family, output: object) -> str:
    """What a reply says to people."""
    if family == "parts":
        return parts_text(output)
    if family == "chat":
        return str(_message(output).get("content") or "")
    fields = cast("Fields", output)
    blocks = objects_in(fields.get("content"))
    for item in objects_in(fields.get("output")):
        blocks += objects_in(item.get("content"))
    return "".join(str(block.get("text")) for block in blocks if "text" in block)


def user_item(text: str) -> Value:
    """What a user's answer adds, in every family."""
    return {"role": "user", "content": text}


def encoded(output: object, form: Form) -> str | None:
    """A tool's output as the text of its message; None where the encoding has none for it."""
    return TOLD[form.encoding][1](output)


def error_texts(error: object) -> list[str]:
    """How a failed tool is told to the model, the usual first."""
    value: Fields = cast("Fields", error) if isinstance(error, dict) else {}
    name, said = str(value.get("class") or ""), str(value.get("message") or "")
    written = [said, f"{name}: {said}", f"Error: {said}", str(value.get("repr") or "")]
    return list(dict.fromkeys(written))


def _text(output: object) -> str | None:
    return output if isinstance(output, str) else None


def _json(separators: tuple[str, str]) -> Callable[[object], str | None]:
    def write(output: object) -> str | None:
        try:
            return json.dumps(output, separators=separators)
        except (TypeError, ValueError):
            return None

    return write


def _canonical(output: object) -> str | None:
    try:
        return canonical_bytes(cast("Plain", output)).decode()
    except (EventError, TypeError):
        return None


ENCODINGS: tuple[tuple[str, Callable[[object], str | None]], ...] = (
    ("text", _text),
    ("compact JSON", _json((",", ":"))),
    ("spaced JSON", _json((", ", ": "))),
    ("canonical JSON", _canonical),
    ("str", str),
)
"""The ways in which agents write a tool's output into a message."""


def _text_or(write: Callable[[object], str | None]) -> Callable[[object], str | None]:
    return lambda output: output if isinstance(output, str) else write(output)


TOLD = (
    *ENCODINGS,
    *((f"text or {name}", _text_or(write)) for name, write in ENCODINGS if "JSON" in name),
)
"""The same, and those of agents that quote what is no text only."""


def _whole(message: Fields) -> object:
    return dict(message)


def _present(message: Fields) -> object:
    return {name: value for name, value in message.items() if value is not None}


def _plain(message: Fields) -> object:
    return {name: message[name] for name in ("role", "content", "tool_calls") if name in message}


_REPLIES: tuple[Callable[[Fields], object], ...] = (
    _whole,
    _present,
    _plain,
    lambda message: _present(cast("Fields", _plain(message))),
)


_WAYS: dict[Family, tuple[int, int]] = {
    "chat": (len(_REPLIES), RESULT_FORMS),
    "parts": (PARTS_REPLIES, PARTS_RESULTS),
}
"""Forms of replies and of results, of families that have more than one."""


def _message(output: object) -> Fields:
    """The assistant message of a chat completion, or the message itself."""
    reply = cast("Fields", output)
    choices = objects_in(reply.get("choices"))
    if choices:
        return cast("Fields", choices[0].get("message") or {})
    return reply


def _chat_call(call: Fields) -> ToolCall:
    function = cast("Fields", call.get("function") or {})
    return ToolCall(
        id=str(call.get("id")),
        name=str(function.get("name")),
        args=parsed_arguments(function.get("arguments")),
    )


def _chat_result(call: ToolCall, text: str, form: Form) -> Value:
    message: dict[str, Value] = {"role": "tool", "tool_call_id": call.id, "content": text}
    if form.result == 1:
        message["name"] = call.name
    return cast("Value", message)
