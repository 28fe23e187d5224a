"""Events of a span and log records about it: messages, answers, details, exceptions, verdicts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from forkpoint_server.ingestion.otlp.mapping.attributes import Attributes
from forkpoint_server.ingestion.otlp.mapping.messages import Message, message, messages_of
from forkpoint_server.ingestion.otlp.mapping.names import ERROR_CLASS

DETAILS = "gen_ai.client.inference.operation.details"
EVALUATION = "gen_ai.evaluation.result"
_EXCEPTIONS = ("exception", "gen_ai.client.operation.exception")
_SCORES = {"score.value": "score", "score.label": "label"}
_ROLES = {
    "gen_ai.system.message": "system",
    "gen_ai.user.message": "user",
    "gen_ai.assistant.message": "assistant",
    "gen_ai.tool.message": "tool",
}
_OLD_CONTENT = {
    "gen_ai.content.prompt": "gen_ai.prompt",
    "gen_ai.content.completion": ("gen_ai.completion"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Happening:
    """Something said about a span at a time (ns); `body` is that of a log record."""

    name: str
    time_ns: int
    attributes: Mapping[str, object]
    body: object = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """The result of an evaluation of a step: `{name, score, label, explanation, ...}`."""

    name: str
    time_ns: int
    verdict: Mapping[str, object]
    error_class: str | None
    """Of an evaluator that failed."""
    rest: Mapping[str, object]


def folded(values: Mapping[str, object], happenings: Sequence[Happening]) -> Mapping[str, object]:
    """The attributes of a span, and below them those of the events that carry its content."""
    more: dict[str, object] = {}
    for each in happenings:
        if each.name == DETAILS:
            more |= each.attributes
            more |= _body(each)
        elif (key := _OLD_CONTENT.get(each.name)) is not None:
            found = each.attributes.get(key)
            if found is not None:
                more[key] = found
    return {**more, **values} if more else values


def messages_in(happenings: Sequence[Happening]) -> list[Message]:
    """The messages of the old events, one event a message, in the order of time."""
    return [
        _message(each, _ROLES[each.name])
        for each in sorted(happenings, key=lambda each: each.time_ns)
        if each.name in _ROLES
    ]


def choices_in(happenings: Sequence[Happening]) -> list[Message]:
    """The answers of the old events `gen_ai.choice`."""
    found: list[Message] = []
    said = [each for each in happenings if each.name == "gen_ai.choice"]
    for each in sorted(said, key=lambda each: (_index(each), each.time_ns)):
        fields = _fields(each)
        inner = fields.get("message", fields)
        made = messages_of([inner], role="assistant")[0]
        finish = fields.get("finish_reason")
        found.append({**made, "finish": finish} if isinstance(finish, str) else made)
    return found


def _index(each: Happening) -> int:
    found = _fields(each).get("index")
    return found if isinstance(found, int) else 0


def evaluations_in(happenings: Sequence[Happening]) -> list[Evaluation]:
    """Results of evaluations in the order they were said, each once: as span event or as record."""
    found: dict[str, Evaluation] = {}
    for each in sorted(happenings, key=lambda each: each.time_ns):
        if each.name == EVALUATION:
            made = _evaluation(each)
            found.setdefault(repr((made.time_ns, sorted(made.verdict.items()))), made)
    return list(found.values())


def _evaluation(each: Happening) -> Evaluation:
    fields = {**each.attributes, **_body(each)}
    named = {
        key.removeprefix("gen_ai.evaluation."): value
        for key, value in fields.items()
        if key.startswith("gen_ai.evaluation.") and value is not None
    }
    verdict = {_SCORES.get(key, key): value for key, value in named.items()}
    name, failed = verdict.get("name"), fields.get("error.type")
    return Evaluation(
        name=name if isinstance(name, str) and name else "evaluation",
        time_ns=each.time_ns,
        verdict=verdict,
        error_class=failed if isinstance(failed, str) and failed else None,
        rest={
            key: value
            for key, value in fields.items()
            if not key.startswith("gen_ai.evaluation.") and key not in ("error.type", "event.name")
        },
    )


def failure(
    attributes: Attributes, happenings: Sequence[Happening], *, failed: bool, message: str
) -> tuple[str | None, Mapping[str, object] | None]:
    """(error class, what is known of the error); both None if nothing went wrong."""
    said = [each for each in happenings if each.name in _EXCEPTIONS]
    fields: Mapping[str, object] = said[-1].attributes if said else {}
    kind = fields.get("exception.type") or attributes.text(*ERROR_CLASS)
    failed = failed or attributes.get("langfuse.observation.level") == "ERROR"
    if not failed:
        return None, None
    shown = {
        "type": kind,
        "message": fields.get("exception.message")
        or message
        or attributes.text("langfuse.observation.status_message"),
        "stacktrace": fields.get("exception.stacktrace"),
    }
    known = {name: value for name, value in shown.items() if value}
    return (kind if isinstance(kind, str) and kind else "error"), known


def _message(each: Happening, role: str) -> Message:
    fields = _fields(each)
    if "id" in fields and role == "tool":
        fields = {**fields, "tool_call_id": fields["id"]}
    return message({"role": role, **fields}, role=role)


def _fields(each: Happening) -> Mapping[str, object]:
    body = _body(each)
    said: object = each.body
    if isinstance(said, str) and said:
        return {"content": said}
    return body or each.attributes


def _body(each: Happening) -> Mapping[str, object]:
    body = each.body
    return cast("Mapping[str, object]", body) if isinstance(body, Mapping) else {}
