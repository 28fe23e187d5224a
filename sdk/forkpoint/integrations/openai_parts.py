"""Projections of OpenAI requests: which bytes of a request can change its answer, and as what part.

Codecs `openai.chat/1`, `openai.responses/1`, `openai.embeddings/1`; any other request is
`openai.http/1`, a custom step with method, path and body as its input.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import cast

from forkpoint.capture.calls import Target
from forkpoint.capture.items import Numbers
from forkpoint.capture.parts import split_system
from forkpoint.events.kinds import Kind
from forkpoint.integrations.assembled import Merged, Merger, value_at
from forkpoint.integrations.openai_streams import merge_chat, merge_responses

_NEVER = frozenset(
    ("user", "metadata", "store", "safety_identifier", "prompt_cache_key", "timeout")
)
"""Members of a request that cannot change its answer; those that start with `stream` too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Projection:
    """How one kind of request is recorded."""

    target: Target
    parts: Callable[[Mapping[str, object]], dict[str, object]]
    merge: Merger


def project(method: str, path: str) -> Projection:
    """The projection for a request to this path of the API."""
    if method.lower() == "post":
        for ending, projection in _PROJECTIONS.items():
            if path.endswith(ending):
                return projection
    return _other(method, path)


def put_back(
    body: Mapping[str, object], changed: Mapping[str, object], *, codec: str | None
) -> dict[str, object]:
    """A request body whose parts are what an edit made of them."""
    if codec == "openai.http/1":
        return dict(cast("Mapping[str, object]", value_at(changed, "/input/body") or body))
    new = {**body, **cast("Mapping[str, object]", changed.get("params") or {})}
    new |= cast("Mapping[str, object]", changed.get("format") or {})
    if "model" in changed:
        new["model"] = value_at(changed, "/model/id")
    if "tools" in changed:
        new["functions" if "functions" in body else "tools"] = changed["tools"]
    if codec == "openai.chat/1":
        parts: dict[str, object] = {"messages": body.get("messages")}
        split_system(parts)
        parts |= {part: changed[part] for part in ("system", "messages") if part in changed}
        system = cast("list[object]", parts.get("system") or [])
        return {**new, "messages": [*system, *cast("list[object]", parts["messages"])]}
    if "messages" in changed:
        new["input"] = changed["messages"]
    if "system" in changed:
        new["instructions"] = changed["system"]
    return new


def numbers_of(output: object, *, attempts: int) -> Numbers:
    """What an answer says of itself: model, tokens, why it ended."""
    if not isinstance(output, dict):
        return Numbers(attempts=attempts)
    answer = cast("dict[str, object]", output)
    reason = value_at(answer, "/choices/0/finish_reason") or answer.get("status")
    return Numbers(
        model=_text(answer.get("model")),
        finish_reason=_text(reason),
        tokens_in=_count(answer, "prompt_tokens", "input_tokens"),
        tokens_out=_count(answer, "completion_tokens", "output_tokens"),
        attempts=attempts,
    )


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _count(answer: Mapping[str, object], *names: str) -> int | None:
    found = (value_at(answer, f"/usage/{name}") for name in names)
    return next((value for value in found if isinstance(value, int)), None)


def _chat_parts(body: Mapping[str, object]) -> dict[str, object]:
    parts = _sorted(
        body,
        api="chat",
        named={"messages": "messages", "tools": "tools", "functions": "tools"},
        formats=("response_format", "tool_choice", "function_call"),
    )
    split_system(parts)
    return parts


def _response_parts(body: Mapping[str, object]) -> dict[str, object]:
    return _sorted(
        body,
        api="responses",
        named={"input": "messages", "instructions": "system", "tools": "tools"},
        formats=("text", "tool_choice"),
    )


def _embedding_parts(body: Mapping[str, object]) -> dict[str, object]:
    return _sorted(body, api="embeddings", named={"input": "messages"}, formats=())


def _sorted(
    body: Mapping[str, object], *, api: str, named: Mapping[str, str], formats: tuple[str, ...]
) -> dict[str, object]:
    parts: dict[str, object] = {
        "model": {"provider": "openai", "api": api, "id": body.get("model")}
    }
    params: dict[str, object] = {}
    form: dict[str, object] = {}
    for name, value in body.items():
        if name == "model" or name in _NEVER or name.startswith("stream") or _is_absent(value):
            continue
        if name in named:
            parts[named[name]] = value
        elif name in formats:
            form[name] = value
        else:
            params[name] = value
    if params:
        parts["params"] = params
    if form:
        parts["format"] = form
    return parts


def _is_absent(value: object) -> bool:
    """Whether a member is the library's mark for one that was not given."""
    return value is None or type(value).__name__ in ("NotGiven", "Omit")


def _other(method: str, path: str) -> Projection:
    name = f"openai {method.upper()} {path}"[:256]

    def parts(body: Mapping[str, object]) -> dict[str, object]:
        return {"input": {"method": method.upper(), "path": path, "body": body}}

    target = Target(kind=Kind.CUSTOM, name=name, codec="openai.http/1")
    return Projection(target=target, parts=parts, merge=_no_merge)


def _no_merge(_events: object) -> Merged | None:
    return None


def _model(name: str) -> Target:
    return Target(kind=Kind.MODEL, name=name, codec=f"{name}/1")


_PROJECTIONS = {
    "/chat/completions": Projection(
        target=_model("openai.chat"), parts=_chat_parts, merge=merge_chat
    ),
    "/responses": Projection(
        target=_model("openai.responses"), parts=_response_parts, merge=merge_responses
    ),
    "/embeddings": Projection(
        target=_model("openai.embeddings"), parts=_embedding_parts, merge=_no_merge
    ),
}
