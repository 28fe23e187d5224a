"""A streamed chat completion put together again."""

from __future__ import annotations

from collections.abc import Iterable

from openai.types.chat import ChatCompletionChunk
from openai.types.chat.chat_completion_chunk import ChoiceDeltaToolCall


def assemble(chunks: Iterable[ChatCompletionChunk]) -> dict[str, object]:
    """The assistant message that the chunks of one answer make."""
    content: str | None = None
    calls: list[dict[str, dict[str, str]]] = []
    for chunk in chunks:
        for choice in chunk.choices:
            if choice.delta.content is not None:
                content = (content or "") + choice.delta.content
            for piece in choice.delta.tool_calls or ():
                _add(piece, calls)
    said: dict[str, object] = {"role": "assistant", "content": content or None}
    if calls:
        said["tool_calls"] = [
            {**call["head"], "type": "function", "function": call["function"]} for call in calls
        ]
    return said


def _add(piece: ChoiceDeltaToolCall, calls: list[dict[str, dict[str, str]]]) -> None:
    while len(calls) <= piece.index:
        calls.append({"head": {"id": ""}, "function": {"name": "", "arguments": ""}})
    call = calls[piece.index]
    if piece.id:
        call["head"]["id"] = piece.id
    if piece.function is not None:
        call["function"]["name"] += piece.function.name or ""
        call["function"]["arguments"] += piece.function.arguments or ""
