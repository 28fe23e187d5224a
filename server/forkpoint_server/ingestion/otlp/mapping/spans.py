"""A span as a step: kind, parts of its input, output, counts, and everything else verbatim."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import cast

from forkpoint.events.kinds import Effect, Kind

from forkpoint_server.ingestion.otlp.mapping import calls, names
from forkpoint_server.ingestion.otlp.mapping.attributes import Attributes
from forkpoint_server.ingestion.otlp.mapping.calls import Content, Parts
from forkpoint_server.ingestion.otlp.mapping.happenings import (
    Evaluation,
    Happening,
    evaluations_in,
    failure,
    folded,
)
from forkpoint_server.ingestion.otlp.mapping.kinds import kind_of
from forkpoint_server.ingestion.otlp.mapping.memo import Memo
from forkpoint_server.ingestion.otlp.mapping.numbers import Counts, counts_of
from forkpoint_server.ingestion.otlp.mapping.texts import list_of, parsed

CODEC = "otlp/1"
_EFFECTS = frozenset(effect.value for effect in Effect)
_READERS: Mapping[Kind, Callable[[Attributes], Content]] = {
    Kind.MODEL: calls.model,
    Kind.RETRIEVER: calls.retriever,
    Kind.TOOL: calls.tool,
    Kind.PLANNER: calls.planner,
    Kind.VALIDATOR: calls.judge,
    Kind.SAFETY: calls.judge,
    Kind.AGENT: calls.scope,
    Kind.CUSTOM: calls.scope,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFacts:
    """What a root says of its run."""

    name: str | None = None
    session: str | None = None
    user: str | None = None
    tags: tuple[str, ...] = ()
    own_run: str | None = None
    """`forkpoint.run.id`: our own recorder has this run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """A call that a model asks for."""

    name: str
    call_id: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class MappedSpan:
    """A step as far as a span tells. Nothing in it is redacted yet."""

    kind: Kind
    subtype: str | None
    recognised: bool
    name: str
    model: str | None
    effect: Effect | None
    parts: Parts
    output: object
    """None: there is none."""
    error: Mapping[str, object] | None
    error_class: str | None
    counts: Counts
    facts: RunFacts
    server_state: bool
    attributes: Mapping[str, object]
    was_text: tuple[str, ...] = ()
    call_id: str | None = None
    about: Mapping[str, object] = field(default_factory=dict[str, object])
    """What answered, the scope it is of, its prompt, as far as the sender says."""
    verdict: object = None
    """What the sender says of its worth; of a validator it is the output too."""
    asks: tuple[Ask, ...] = ()
    """The tool calls in the answer of a model, in order."""
    evaluations: tuple[Evaluation, ...] = ()
    """Results of evaluations that were said of it, each a step of its own."""


def map_span(
    values: Mapping[str, object],
    *,
    name: str,
    happenings: tuple[Happening, ...] = (),
    failed: bool = False,
    message: str = "",
    memo: Memo | None = None,
) -> MappedSpan:
    """Read a span; `happenings` are its events and the log records about it."""
    attributes = Attributes(folded(values, happenings), memo)
    kind, subtype, recognised = kind_of(attributes, name=name)
    attributes.read("openinference.span.kind", "gen_ai.operation.name", "forkpoint.kind")
    content = _READERS[kind](attributes)
    content = calls.with_happenings(content, kind, happenings)
    error_class, error = failure(attributes, happenings, failed=failed, message=message)
    counts = counts_of(
        attributes, repeats=attributes.get("gen_ai.operation.name") == "fetch_response"
    )
    said = calls.verdict(attributes)
    asked, answered = attributes.text(*names.MODEL), attributes.text(*names.ANSWERED)
    return MappedSpan(
        kind=kind,
        subtype=subtype,
        recognised=recognised,
        name=content.name or name,
        model=answered or asked,
        effect=_effect(attributes, kind),
        parts=content.parts,
        output=content.output,
        error=error,
        error_class=error_class,
        counts=counts,
        facts=_facts(attributes),
        server_state="gen_ai.request.previous_response.id" in attributes,
        attributes=attributes.rest(),
        was_text=content.was_text,
        call_id=attributes.text(*names.CALL_ID) if kind is Kind.TOOL else None,
        about=_about(attributes),
        verdict=said,
        asks=_asks(content.output) if kind is Kind.MODEL else (),
        evaluations=tuple(evaluations_in(happenings)),
    )


def _about(attributes: Attributes) -> Mapping[str, object]:
    found: dict[str, object] = {}
    if not attributes.has_any(names.ABOUT_NAMES):
        return found
    for group, fields in names.ABOUT.items():
        values = {name: attributes.first(*sources) for name, sources in fields.items()}
        known = {name: parsed(value)[0] for name, value in values.items() if value is not None}
        found |= {group: known} if known else {}
    return found


def _effect(attributes: Attributes, kind: Kind) -> Effect | None:
    word = attributes.text("forkpoint.effect")
    if word in _EFFECTS:
        return Effect(word)
    return Effect.UNKNOWN if kind is Kind.TOOL else None


def _facts(attributes: Attributes) -> RunFacts:
    tags = attributes.first(*names.TAGS)
    given = list_of(tags) if tags is not None else []
    return RunFacts(
        name=attributes.text(*names.RUN_NAME),
        session=attributes.text(*names.SESSION),
        user=attributes.text(*names.USER),
        tags=tuple(str(tag)[:128] for tag in given[:32] if isinstance(tag, str)),
        own_run=attributes.text("forkpoint.run.id"),
    )


def _asks(output: object) -> tuple[Ask, ...]:
    messages = cast("list[object]", output) if isinstance(output, list) else []
    parts = [
        part
        for each in messages
        if isinstance(each, Mapping)
        for part in cast("list[Mapping[str, object]]", cast("Parts", each).get("parts") or [])
    ]
    return tuple(
        Ask(name=str(part.get("name")), call_id=str(part["id"]) if "id" in part else None)
        for part in parts
        if part.get("type") == "tool_call" and not part.get("server")
    )
