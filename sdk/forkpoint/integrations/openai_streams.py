"""What the chunks of OpenAI streams add up to: chat completions and responses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import cast

from forkpoint.integrations.assembled import Cut, Merged, value_at

_ONCE = frozenset({"role", "id", "type"})
"""Strings of a delta that are said once, not in pieces."""


def merge_chat(events: Sequence[object]) -> Merged | None:
    """A `chat.completion` object from its chunks."""
    chunks = cast("Sequence[dict[str, object]]", events)
    if not chunks or any(chunk.get("object") != "chat.completion.chunk" for chunk in chunks):
        return None
    output: dict[str, object] = {}
    choices: dict[int, _Choice] = {}
    cuts = [_take_chunk(chunk, output, choices) for chunk in chunks]
    order = {number: place for place, number in enumerate(sorted(choices))}
    output["object"] = "chat.completion"
    output["choices"] = [choices[number].value() for number in sorted(choices)]
    return Merged(output, [[cut.at(order) for cut in made] for made in cuts])


def merge_responses(events: Sequence[object]) -> Merged | None:
    """The final `response` object; its texts are what the deltas said."""
    chunks = cast("Sequence[dict[str, object]]", events)
    output = next((chunk["response"] for chunk in reversed(chunks) if "response" in chunk), None)
    if output is None:
        return None
    said: dict[str, str] = {}
    cuts = [_take_event(chunk, output, said) for chunk in chunks]
    for path, text in said.items():
        if value_at(output, path) != text:
            return None
    return Merged(output, cuts)


def as_events(output: object) -> list[tuple[str | None, object]]:
    """A whole answer as a stream of few events, for a caller that asked for a stream."""
    answer = cast("dict[str, object]", output) if isinstance(output, dict) else {}
    if answer.get("object") == "chat.completion":
        return [(None, _one_chunk(answer))]
    if answer.get("object") == "response":
        name = "response.completed"
        return [(name, {"type": name, "sequence_number": 0, "response": answer})]
    return [(None, output)]


def _one_chunk(answer: dict[str, object]) -> dict[str, object]:
    choices: list[object] = []
    for given in cast("Sequence[dict[str, object]]", answer.get("choices") or ()):
        delta = dict(cast("dict[str, object]", given.get("message") or {}))
        calls = cast("Sequence[dict[str, object]]", delta.get("tool_calls") or ())
        if calls:
            delta["tool_calls"] = [{"index": n, **call} for n, call in enumerate(calls)]
        reason = given.get("finish_reason")
        choices.append({"index": given.get("index", 0), "delta": delta, "finish_reason": reason})
    return {**answer, "object": "chat.completion.chunk", "choices": choices}


@dataclass(slots=True)
class _Pending:
    """A cut whose choice and tool call have no place yet."""

    pointer: str
    choice: int
    path: str
    length: int

    def at(self, order: dict[int, int]) -> Cut:
        place = order[self.choice]
        return Cut(self.pointer, self.choice, f"/choices/{place}{self.path}", self.length)


@dataclass(slots=True)
class _Choice:
    """One choice while it grows."""

    number: int
    fields: dict[str, object] = field(default_factory=dict[str, object])
    message: dict[str, object] = field(default_factory=dict[str, object])
    calls: list[dict[str, object]] = field(default_factory=list[dict[str, object]])

    def value(self) -> dict[str, object]:
        """The choice as a whole answer has it."""
        message = {"role": "assistant", "content": None, **self.message}
        if self.calls:
            message["tool_calls"] = self.calls
        return {"index": self.number, "message": message, "finish_reason": None, **self.fields}


def _take_chunk(
    chunk: dict[str, object], output: dict[str, object], choices: dict[int, _Choice]
) -> list[_Pending]:
    for name, value in chunk.items():
        if name not in ("choices", "object") and value is not None:
            output[name] = value
    cuts: list[_Pending] = []
    listed = cast("Sequence[dict[str, object]]", chunk.get("choices") or ())
    for place, given in enumerate(listed):
        number = cast("int", given["index"])
        choice = choices.setdefault(number, _Choice(number))
        if given.get("finish_reason") is not None:
            choice.fields["finish_reason"] = given["finish_reason"]
        delta = cast("dict[str, object]", given.get("delta") or {})
        cuts += _take_delta(delta, choice, f"/choices/{place}/delta")
    return cuts


def _take_delta(delta: dict[str, object], choice: _Choice, pointer: str) -> list[_Pending]:
    cuts: list[_Pending] = []
    for name, value in delta.items():
        if name == "tool_calls":
            calls = cast("Sequence[dict[str, object]]", value or ())
            for place, call in enumerate(calls):
                cuts += _take_call(call, choice, f"{pointer}/tool_calls/{place}")
        elif isinstance(value, str) and name not in _ONCE:
            choice.message[name] = cast("str", choice.message.get(name) or "") + value
            if value:
                here = _Pending(f"{pointer}/{name}", choice.number, f"/message/{name}", len(value))
                cuts.append(here)
        elif value is not None:
            choice.message[name] = value
    return cuts


def _take_call(call: dict[str, object], choice: _Choice, pointer: str) -> list[_Pending]:
    number = cast("int", call["index"])
    while len(choice.calls) <= number:
        choice.calls.append({"id": None, "type": "function", "function": {}})
    whole = choice.calls[number]
    for name in ("id", "type"):
        if call.get(name) is not None:
            whole[name] = call[name]
    cuts: list[_Pending] = []
    function = cast("dict[str, object]", whole["function"])
    for name, value in cast("dict[str, object]", call.get("function") or {}).items():
        if isinstance(value, str):
            function[name] = cast("str", function.get(name) or "") + value
            if value and name == "arguments":
                path = f"/message/tool_calls/{number}/function/{name}"
                cuts.append(_Pending(f"{pointer}/function/{name}", choice.number, path, len(value)))
    return cuts


def _take_event(chunk: dict[str, object], output: object, said: dict[str, str]) -> list[Cut]:
    if chunk.get("response") is output:
        return [Cut("/response", 0, "", None)]
    delta = chunk.get("delta")
    path = _path_of(chunk)
    if path is None or not isinstance(delta, str) or not delta:
        return []
    said[path] = said.get(path, "") + delta
    return [Cut("/delta", cast("int", chunk.get("output_index", 0)), path, len(delta))]


def _path_of(chunk: dict[str, object]) -> str | None:
    """Where in the final response the text of a delta ends up."""
    item = f"/output/{chunk.get('output_index')}"
    if chunk.get("type") == "response.output_text.delta":
        return f"{item}/content/{chunk.get('content_index')}/text"
    if chunk.get("type") == "response.refusal.delta":
        return f"{item}/content/{chunk.get('content_index')}/refusal"
    if chunk.get("type") == "response.function_call_arguments.delta":
        return f"{item}/arguments"
    return None
