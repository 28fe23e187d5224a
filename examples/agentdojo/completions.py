"""Chat completions and their streams, made of a recorded message; equal requests, equal bytes."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import cast

from examples.agentdojo.continuation import Chat, Reply

PIECE = 24
"""Characters of text or of arguments in one stream chunk."""
_WORD = re.compile(r"\w+|[^\w\s]")


def completion(asked: Chat, reply: Reply, *, model: str) -> dict[str, object]:
    """A `chat.completion` object with the recorded message as its one choice."""
    return {
        **_head(reply, model=model, kind="chat.completion"),
        "choices": [
            {
                "index": 0,
                "message": {**reply.message, "refusal": None},
                "logprobs": None,
                "finish_reason": _finish_reason(reply.message),
            }
        ],
        "usage": usage(asked, reply.message),
    }


def chunks(
    asked: Chat, reply: Reply, *, model: str, with_usage: bool
) -> Iterator[dict[str, object]]:
    """The same answer as `chat.completion.chunk` objects, text and arguments in several pieces."""
    head = _head(reply, model=model, kind="chat.completion.chunk")
    for delta in _deltas(reply.message):
        yield {**head, "choices": [_choice(delta, None)]}
    yield {**head, "choices": [_choice({}, _finish_reason(reply.message))]}
    if with_usage:
        yield {**head, "choices": [], "usage": usage(asked, reply.message)}


def usage(asked: Chat, message: Mapping[str, object]) -> dict[str, int]:
    """Token counts, estimated as words and punctuation marks."""
    prompt = sum(_tokens(said) for said in asked)
    answer = _tokens(message)
    return {
        "prompt_tokens": prompt,
        "completion_tokens": answer,
        "total_tokens": prompt + answer,
    }


def _head(reply: Reply, *, model: str, kind: str) -> dict[str, object]:
    identity = hashlib.sha256(f"{reply.run.name}#{reply.index}".encode()).hexdigest()
    return {
        "id": f"chatcmpl-{identity[:24]}",
        "object": kind,
        "created": reply.run.log.started_ns // 1_000_000_000 + reply.index,
        "model": model,
    }


def _deltas(message: Mapping[str, object]) -> Iterator[dict[str, object]]:
    yield {"role": "assistant", "content": None if message["content"] is None else ""}
    for piece in _pieces(cast("str | None", message["content"]) or ""):
        yield {"content": piece}
    calls = cast("Sequence[Mapping[str, object]]", message.get("tool_calls") or ())
    for index, call in enumerate(calls):
        function = cast("Mapping[str, str]", call["function"])
        opening = {"name": function["name"], "arguments": ""}
        yield {"tool_calls": [{**call, "index": index, "function": opening}]}
        for piece in _pieces(function["arguments"]):
            yield {"tool_calls": [{"index": index, "function": {"arguments": piece}}]}


def _choice(delta: Mapping[str, object], finish_reason: str | None) -> dict[str, object]:
    return {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}


def _pieces(text: str) -> list[str]:
    cuts = [*range(0, len(text), PIECE), len(text)]
    return [text[start:end] for start, end in pairwise(cuts)]


def _finish_reason(message: Mapping[str, object]) -> str:
    return "tool_calls" if message.get("tool_calls") else "stop"


def _tokens(message: Mapping[str, object]) -> int:
    text = str(message.get("content") or "") + json.dumps(message.get("tool_calls") or "")
    return len(_WORD.findall(text))
