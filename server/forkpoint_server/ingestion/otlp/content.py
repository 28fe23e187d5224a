"""Staged spans become redacted blocks, artifacts and signatures. Pure but for its random salt.

The same way as in the recorder: redact, encode as content trees, sign what can change the answer.
A list of messages that grows from call to call is encoded once, as far as it is the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import cast
from uuid import UUID

from forkpoint.capture.items import Withheld
from forkpoint.capture.payloads import Payloads, Stored, roots_of, withheld
from forkpoint.content import ContentError, Digest, digest_of, signature, snapshot
from forkpoint.events.ids import UUID_TEXT
from forkpoint.events.kinds import Kind
from forkpoint.events.model import ArtifactRef
from forkpoint.redact.engine import Redactor

from forkpoint_server.ingestion.flags import StepFlag, of_artifacts
from forkpoint_server.ingestion.otlp.assemble import SpanRow
from forkpoint_server.ingestion.otlp.files import take_files
from forkpoint_server.ingestion.otlp.identity import (
    call_mark,
    evaluation_id_bytes,
    step_id_bytes,
    step_id_of,
)
from forkpoint_server.ingestion.otlp.mapping.happenings import Evaluation, evaluations_in
from forkpoint_server.ingestion.otlp.mapping.memo import Memo
from forkpoint_server.ingestion.otlp.mapping.spans import MappedSpan, RunFacts, map_span
from forkpoint_server.ingestion.otlp.mapping.texts import is_masked, may_be_masked
from forkpoint_server.ingestion.otlp.names import masked_name
from forkpoint_server.ingestion.otlp.staged import Opened, StagedSpan
from forkpoint_server.ingestion.otlp.verdicts import EVALUATION_SUBTYPE, evaluation_row

_MOST_KNOWN, _LONGEST_KNOWN = 5_000, 65_536
"""Payloads of one reading that are remembered, and bytes of the longest of them: the same model,
parameters, tools, resource come with each call."""
MASKED = "policy"
"""Reason of a payload in which the sender put a placeholder."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepContent:
    """What the content of a span says of its step."""

    step_id: str
    kind: Kind
    name: str
    subtype: str | None
    effect: str | None
    model: str | None
    error_class: str | None
    finish_reason: str | None
    tokens_in: int | None
    tokens_out: int | None
    cost_micro_usd: int | None
    signature: Digest | None
    delta: Digest | None
    flags: int
    artifacts: tuple[ArtifactRef, ...]
    call_mark: str | None = None
    """Of a tool step: the mark of the call that asked for it."""
    asks: tuple[tuple[str | None, str], ...] = ()
    """Of a model step: (mark, tool name) of each call in its answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunContent:
    """Everything that was staged, ready to be stored."""

    steps: list[StepContent] = field(default_factory=list[StepContent])
    verdicts: list[SpanRow] = field(default_factory=list[SpanRow])
    """Rows of the steps that evaluations are; no span brought them."""
    blocks: dict[Digest, bytes] = field(default_factory=dict[Digest, bytes])
    facts: RunFacts | None = None
    """Of the earliest root."""
    service: str | None = None
    own_run: str | None = None
    """The run that our own recorder made of the same execution, as some span says."""
    recognised: bool = False
    broken: int = 0


def read_content(opened: Opened, redactor: Redactor | None, *, run_id: str) -> RunContent:
    """Map, redact, encode and sign all spans. Without a redactor every payload is withheld."""
    blocks: dict[Digest, bytes] = {}

    def keep(body: bytes) -> None:
        blocks.setdefault(digest_of(body), body)

    writer = _Writer(Payloads(redactor, keep), run_id=run_id)
    facts = service = own_run = None
    recognised = False
    memo = Memo()
    steps: list[StepContent] = []
    verdicts: list[SpanRow] = []
    for span in opened.spans:
        if span.attributes.get("logfire.span_type") == "pending_span":
            continue
        mapped = _mapped(span, opened, memo)
        steps.append(writer.step(span, mapped, memo))
        for said in mapped.evaluations:
            verdicts.append(writer.evaluation(steps, span.span_id, said, subject=mapped.output))
        recognised = recognised or mapped.recognised
        own_run = own_run or _run_id(mapped.facts.own_run)
        if facts is None and not any(span.parent_id):
            facts = mapped.facts
            service = _text(span.resource.get("service.name"))
    present = {span.span_id for span in opened.spans}
    for span_id, happenings in opened.records.items():
        for said in () if span_id in present else evaluations_in(happenings):
            verdicts.append(writer.evaluation(steps, span_id, said))
    return RunContent(
        steps=steps,
        verdicts=verdicts,
        blocks=blocks,
        facts=facts,
        service=service,
        own_run=own_run,
        recognised=recognised or bool(verdicts),
        broken=opened.broken,
    )


def _mapped(span: StagedSpan, opened: Opened, memo: Memo) -> MappedSpan:
    said = (*span.happenings, *opened.records.get(span.span_id, ()))
    return map_span(
        span.attributes,
        name=span.name,
        happenings=said,
        failed=span.failed,
        message=span.message,
        memo=memo,
    )


class _Writer:
    """Encodes the payloads of one run, step by step in the order of time."""

    def __init__(self, payloads: Payloads, *, run_id: str) -> None:
        self._payloads = payloads
        self._run_id = run_id
        self._known: dict[tuple[str, bytes], tuple[ArtifactRef, Stored | None]] = {}

    def step(self, span: StagedSpan, mapped: MappedSpan, memo: Memo) -> StepContent:
        strand = span.parent_id.hex()
        name = masked_name(mapped.name)
        refs: list[ArtifactRef] = []
        stored: dict[str, Stored | None] = {}
        parts, files = take_files(mapped.parts, memo=memo)
        output, more = take_files(mapped.output, memo=memo, first=len(files))
        for part, value in cast("Mapping[str, object]", parts).items():
            ref, stored[part] = self._reference(f"input.{part}", value, strand)
            refs.append(ref)
        roots = roots_of(stored)
        if output is not None:
            refs += self._output(output)
        if mapped.error is not None:
            refs.append(self._reference("error", mapped.error, "")[0])
        refs.append(self._reference("attributes", _about(span, mapped), "")[0])
        for file in (*files, *more):
            ref = self._reference(f"file.{file.name}", file.body, "")[0]
            refs.append(_typed(ref, file.media_type))
        return self._content(span, mapped, name, refs, roots, stored.get("messages"))

    def _content(
        self,
        span: StagedSpan,
        mapped: MappedSpan,
        name: str,
        refs: list[ArtifactRef],
        roots: Mapping[str, Digest] | None,
        messages: Stored | None,
    ) -> StepContent:
        signed = delta = None
        if roots is not None and roots:
            signed = signature(mapped.kind, name, roots)
            if messages is not None and messages.delta is not None:
                delta = signature(mapped.kind, name, {**roots, "messages": messages.delta})
        counts = mapped.counts
        return StepContent(
            step_id=step_id_of(self._run_id, span.span_id),
            kind=mapped.kind,
            name=name,
            subtype=mapped.subtype,
            effect=mapped.effect,
            model=_masked(mapped.model),
            error_class=_masked(mapped.error_class),
            finish_reason=_masked(counts.finish_reason),
            tokens_in=counts.tokens_in,
            tokens_out=counts.tokens_out,
            cost_micro_usd=counts.cost_micro_usd,
            signature=signed,
            delta=delta,
            flags=_flags(span, mapped) | of_artifacts(tuple(refs)),
            artifacts=tuple(refs),
            call_mark=call_mark(mapped.call_id),
            asks=tuple((call_mark(ask.call_id), masked_name(ask.name)) for ask in mapped.asks),
        )

    def evaluation(
        self, steps: list[StepContent], span_id: bytes, said: Evaluation, *, subject: object = None
    ) -> SpanRow:
        """Add the step that an evaluation of a span is; its row."""
        name, run = masked_name(said.name), UUID(self._run_id).bytes
        place = repr((said.time_ns, sorted(said.verdict.items()))).encode()
        step = evaluation_id_bytes(run, span_id, place)
        given = None if subject is None else self._reference("input.subject", subject, "")
        refs = [] if given is None else [given[0]]
        refs += self._output(dict(said.verdict)) if said.verdict else []
        if said.rest:
            about = {"attributes": dict(said.rest)}
            refs.append(self._reference("attributes", about, "")[0])
        roots = None if given is None else roots_of({"subject": given[1]})
        steps.append(
            StepContent(
                step_id=str(UUID(bytes=step)),
                kind=Kind.VALIDATOR,
                name=name,
                subtype=EVALUATION_SUBTYPE,
                effect=None,
                model=None,
                error_class=_masked(said.error_class),
                finish_reason=None,
                tokens_in=None,
                tokens_out=None,
                cost_micro_usd=None,
                signature=signature(Kind.VALIDATOR, name, roots) if roots else None,
                delta=None,
                flags=of_artifacts(tuple(refs)),
                artifacts=tuple(refs),
            )
        )
        return evaluation_row(step, step_id_bytes(run, span_id), name=name, at_ns=said.time_ns)

    def _reference(
        self, role: str, value: object, strand: str
    ) -> tuple[ArtifactRef, Stored | None]:
        packed = self._packed(value)
        if isinstance(packed, Withheld):
            return withheld(role, packed), None
        if role == "input.messages":
            return self._payloads.reference(role, packed, strand=strand)
        known = self._known.get((role, packed))
        if known is None:
            known = self._payloads.reference(role, packed, strand=strand)
            if len(self._known) < _MOST_KNOWN and len(packed) < _LONGEST_KNOWN:
                self._known[role, packed] = known
        return known

    def _output(self, value: object) -> list[ArtifactRef]:
        return self._payloads.output(self._packed(value))

    def _packed(self, value: object) -> bytes | Withheld:
        try:
            packed = snapshot(value)
        except ContentError:
            return Withheld("unserialisable")
        if may_be_masked(packed) and is_masked(value):
            return Withheld(MASKED)
        return packed


def _about(span: StagedSpan, mapped: MappedSpan) -> dict[str, object]:
    """What went into no field, and how the span was sent."""
    shown: dict[str, object] = {
        **mapped.about,
        "attributes": dict(mapped.attributes),
        "instrumentation": span.scope,
    }
    counts = mapped.counts.details()
    more: dict[str, object] = {
        "resource": dict(span.resource),
        "counts": counts,
        "was_text": list(mapped.was_text),
        "call_id": mapped.call_id,
        "links": span.links,
        "verdict": None if mapped.verdict is mapped.output else mapped.verdict,
    }
    return shown | {name: value for name, value in more.items() if value}


def _flags(span: StagedSpan, mapped: MappedSpan) -> int:
    flags = int(StepFlag.TRUNCATED) if span.truncated else 0
    return flags | (int(StepFlag.SERVER_STATE) if mapped.server_state else 0)


def _typed(ref: ArtifactRef, media_type: str | None) -> ArtifactRef:
    return ArtifactRef(
        role=ref.role,
        root=ref.root,
        size=ref.size,
        state=ref.state,
        reason=ref.reason,
        media_type=media_type,
    )


def _masked(text: str | None) -> str | None:
    return None if text is None else masked_name(text)


def _run_id(text: str | None) -> str | None:
    return text if text is not None and UUID_TEXT.match(text) else None


def _text(value: object) -> str | None:
    return masked_name(value) if isinstance(value, str) and value else None
