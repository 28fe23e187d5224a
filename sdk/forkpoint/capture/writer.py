"""The writer of one run in one process: facts in, numbered events and their blocks out.

One thread at a time uses it: the background thread, or in a replay each caller under its lock.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import msgspec

from forkpoint.capture.asides import Asides
from forkpoint.capture.held import Held
from forkpoint.capture.items import (
    Attempted,
    Drawn,
    Item,
    Noted,
    Numbers,
    Passed,
    Payload,
    RunBegun,
    RunOver,
    StepBegun,
    StepOver,
    Withheld,
)
from forkpoint.capture.payloads import Payloads, Stored, roots_of, withheld
from forkpoint.capture.spool import Sink
from forkpoint.capture.streaming import chunks_value
from forkpoint.content.blocks import Digest, digest_text
from forkpoint.content.signature import signature
from forkpoint.content.snapshot import snapshot
from forkpoint.events.ids import RunId, StepId, step_id
from forkpoint.events.model import (
    ArtifactRef,
    Gap,
    Note,
    ReplayInfo,
    RunEnd,
    RunStart,
    StepAttempt,
    StepEnded,
    StepStarted,
)
from forkpoint.redact.engine import Redactor
from forkpoint.replay.interception import Kept, ReplayResult

SDK = "forkpoint-python/0.1.0"
FILE_SPOOLED = 1.5
"""Bytes of the spool that a byte of a file may take: base64, references, records."""
_NAME = 256
"""Characters of any name in an event."""
_NAMES = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Signed:
    """The inputs of one call, redacted and encoded."""

    refs: tuple[ArtifactRef, ...]
    parts: Mapping[str, str]
    signature: str | None
    delta: str | None


@dataclass(slots=True, kw_only=True)
class RunWriter:
    """Turns what callers report of one run into events with gapless sequence numbers."""

    run_id: RunId
    sink: Sink
    payloads: Payloads
    redactor: Redactor | None
    number: int = 0
    """0 for the process that began the run."""
    lock: threading.RLock = field(default_factory=threading.RLock)
    _sequence: int = 0
    _asides: Asides = field(default_factory=Asides)
    _steps: dict[str, StepId] = field(default_factory=dict[str, StepId])
    _names: dict[str, str] = field(default_factory=dict[str, str])
    """Names as events carry them: few differ."""

    def begin_run(self, begun: RunBegun) -> None:
        """Write the record that opens the run."""
        refs = self._refs({"attributes": begun.attributes, "environment": begun.environment})
        redactor = self.redactor
        self.sink.start(
            RunStart(
                run_id=self.run_id,
                name=self._name(begun.name),
                started_ns=begun.time_ns,
                ruleset_id=redactor.ruleset_id if redactor else None,
                redaction_key_id=redactor.key_id if redactor else None,
                code_version=begun.code_version,
                otel=begun.otel,
                sdk=SDK,
                tags=tuple(self._name(tag) for tag in begun.tags),
                origin=begun.origin,
                artifacts=refs,
            ),
            (),
        )

    def end_run(self, over: RunOver) -> RunEnd:
        """The record that closes the run, with the number of events this writer sent."""
        self._note_asides(over.time_ns)
        refs = list(self.outcome_refs(over.output, over.error))
        refs += self._refs({"attributes": over.attributes})
        return RunEnd(
            run_id=self.run_id,
            status=over.status,
            ended_ns=over.time_ns,
            error_class=over.error_class,
            events={str(self.number): self._sequence},
            artifacts=tuple(refs),
        )

    def finish_joined(self, time_ns: int) -> None:
        """Write what is still collected: this process has done its part of the run."""
        self._note_asides(time_ns)

    def write(self, item: Item) -> None:
        """Write one fact of a recording; in a replay `sign` and `begin_step` are told apart."""
        if isinstance(item, StepBegun):
            self.begin_step(item, self.sign(item), None)
        elif isinstance(item, StepOver):
            self.end_step(item)
        elif isinstance(item, Passed | Drawn):
            self._take_aside(item)
        elif isinstance(item, Attempted):
            self.attempt(item)
        elif isinstance(item, Noted):
            self.note(item)
        elif isinstance(item, RunBegun):
            self.begin_run(item)
        elif isinstance(item, RunOver):
            self.sink.end(self.end_run(item))

    def with_result(self, record: RunEnd, result: ReplayResult) -> RunEnd:
        """The record that closes a replay: with its verdict and report."""
        report = self._refs({"replay_report": snapshot(result.report)})
        return msgspec.structs.replace(
            record, verdict=result.verdict, artifacts=(*record.artifacts, *report)
        )

    def sign(self, begun: StepBegun) -> Signed:
        """Redact and encode the inputs of a call."""
        refs: list[ArtifactRef] = []
        stored: dict[str, Stored | None] = {}
        for part, payload in begun.parts.items():
            ref, stored[part] = self.payloads.reference(
                f"input.{part}", payload, strand=begun.strand
            )
            refs.append(ref)
        roots = roots_of(stored)
        signed = delta = None
        if roots is not None:
            signed = digest_text(signature(begun.kind, begun.name, roots))
            delta = self._delta(begun, roots, stored.get("messages"))
        return Signed(
            refs=tuple(refs),
            parts={ref.role[6:]: ref.root for ref in refs if ref.root is not None},
            signature=signed,
            delta=delta,
        )

    def begin_step(self, begun: StepBegun, signed: Signed, replay: ReplayInfo | None) -> None:
        """Write the event that a call begins."""
        self.sink.event(
            StepStarted(
                run_id=self.run_id,
                sequence_no=self._next(),
                time_ns=begun.time_ns,
                writer=self.number,
                step_id=self._step(begun.key),
                kind=begun.kind,
                name=self._name(begun.name),
                key=begun.key,
                strand=begun.strand,
                parent_id=None if begun.parent is None else self._step(begun.parent),
                site=begun.site,
                subtype=begun.subtype,
                effect=begun.effect,
                codec=begun.codec,
                model=self._optional(begun.model),
                signature=signed.signature,
                delta=signed.delta,
                contended=begun.contended,
                artifacts=signed.refs,
                replay=replay,
            )
        )

    def end_step(self, over: StepOver) -> tuple[ArtifactRef, ...]:
        """Write the event that a call is over; returns its artifacts."""
        refs = list(self._answer_refs(over))
        if over.streamed is not None and isinstance(over.output, bytes):
            chunks = snapshot(chunks_value(over.streamed, over.output, self.payloads))
            refs.append(self.payloads.reference("chunks", chunks, strand=over.strand)[0])
        numbers = _numbers(over)
        self.sink.event(
            StepEnded(
                run_id=self.run_id,
                sequence_no=self._next(),
                time_ns=over.time_ns,
                writer=self.number,
                step_id=self._step(over.key),
                status=over.status,
                error_class=over.error_class,
                model=self._optional(numbers.model),
                finish_reason=self._optional(numbers.finish_reason),
                tokens_in=numbers.tokens_in,
                tokens_out=numbers.tokens_out,
                cost_micro_usd=numbers.cost_micro_usd,
                attempts=numbers.attempts,
                chunks=over.streamed.count if over.streamed else None,
                artifacts=tuple(refs),
            )
        )
        self._steps.pop(over.key, None)
        return tuple(refs)

    def may_keep(self, kept: Kept) -> bool:
        """Whether a recorded answer may be referred to as it is: masked by our rules and key.

        A value that only this process knows to be secret may still stand in it.
        """
        redactor = self.redactor
        return (
            redactor is not None
            and kept.ruleset_id == redactor.ruleset_id
            and kept.redaction_key_id == redactor.key_id
            and not any(map(redactor.knows_in, kept.blocks.values()))
        )

    def attempt(self, attempted: Attempted) -> None:
        """Write one try of a call."""
        self.sink.event(
            StepAttempt(
                run_id=self.run_id,
                sequence_no=self._next(),
                time_ns=attempted.time_ns,
                writer=self.number,
                step_id=self._step(attempted.key),
                number=attempted.number,
                error_class=attempted.error_class,
                http_status=attempted.http_status,
            )
        )

    def note(self, noted: Noted) -> None:
        """Write a fact about the run."""
        refs: tuple[ArtifactRef, ...] = ()
        if noted.role is not None and noted.payload is not None:
            ref = self._noted(noted.role, noted.payload, strand=noted.strand or "")
            refs = (msgspec.structs.replace(ref, media_type=noted.media_type),)
        self.sink.event(
            Note(
                run_id=self.run_id,
                sequence_no=self._next(),
                time_ns=noted.time_ns,
                writer=self.number,
                name=self._name(noted.name),
                step_id=None if noted.key is None else self._step(noted.key),
                strand=noted.strand,
                artifacts=refs,
            )
        )

    def _take_aside(self, item: Passed | Drawn) -> None:
        if self._asides.take(item, number=self._sequence):
            self._note_asides(item.time_ns)

    def _note_asides(self, time_ns: int) -> None:
        for noted in self._asides.notes(time_ns):
            self.note(noted)

    def _noted(self, role: str, payload: Payload | Held, *, strand: str) -> ArtifactRef:
        if isinstance(payload, bytes | Withheld):
            return self.payloads.reference(role, payload, strand=strand)[0]
        if payload.size * FILE_SPOOLED > self.sink.room():
            return withheld(role, Withheld("overload", payload.size))
        return self.payloads.file(role, payload)

    def gap(self, *, count: int, reason: str, time_ns: int) -> None:
        """Write that events of this writer were lost before they got a number."""
        number = self._next()
        self.sink.event(
            Gap(
                run_id=self.run_id,
                sequence_no=number,
                time_ns=time_ns,
                writer=self.number,
                first=number,
                last=number,
                count=count,
                reason=reason,
            )
        )

    def redact_with(self, redactor: Redactor) -> None:
        """Mask by another redactor from now on; what was compared and cached before is dropped."""
        with self.lock:
            self.redactor = redactor
            self._names = {}
            self.payloads.use(redactor)

    def continue_as(self, number: int, *, inside: str | None) -> None:
        """Go on in a forked process: another writer, who has sent nothing yet.

        `inside` is the key of the open step the fork happened in: its id is the parent's.
        """
        if inside is not None:
            self._step(inside)
        self.number = number
        self._sequence = 0
        self._asides = Asides()
        self.lock = threading.RLock()
        self.payloads.forget()

    def _answer_refs(self, over: StepOver) -> Sequence[ArtifactRef]:
        if over.kept is None:
            return self.outcome_refs(over.output, over.error)
        self.payloads.keep(over.kept.blocks)
        return over.kept.artifacts

    def outcome_refs(
        self, output: Payload | None, error: Payload | None
    ) -> tuple[ArtifactRef, ...]:
        """References of what a call or run came to."""
        refs = [] if output is None else self.payloads.output(output)
        return (*refs, *self._refs({"error": error}))

    def _refs(self, payloads: Mapping[str, Payload | None]) -> tuple[ArtifactRef, ...]:
        return tuple(
            self.payloads.reference(role, payload, strand="")[0]
            for role, payload in payloads.items()
            if payload is not None
        )

    def _delta(
        self, begun: StepBegun, roots: Mapping[str, Digest], messages: Stored | None
    ) -> str | None:
        if messages is None or messages.delta is None:
            return None
        return digest_text(signature(begun.kind, begun.name, {**roots, "messages": messages.delta}))

    def _step(self, key: str) -> StepId:
        found = self._steps.get(key)
        if found is None:
            found = self._steps[key] = step_id(self.run_id, self.number, key)
        return found

    def _next(self) -> int:
        number = self._sequence
        self._sequence = number + 1
        return number

    def _optional(self, name: str | None) -> str | None:
        return None if name is None else self._name(name)

    def _name(self, name: str) -> str:
        """A name as events may carry it: short, without NUL or surrogates, masked."""
        known = self._names.get(name)
        if known is None:
            plain = name.replace("\0", "").encode("utf-8", "replace").decode()
            if self.redactor is not None:
                plain = str(self.redactor.redact(plain))
            if len(self._names) >= _NAMES:
                self._names.clear()
            known = self._names[name] = plain[:_NAME]
        return known


def _numbers(over: StepOver) -> Numbers:
    repeated = over.repeats
    if repeated is None:
        return over.numbers
    return Numbers(
        model=repeated.model,
        finish_reason=repeated.finish_reason,
        tokens_in=repeated.tokens_in,
        tokens_out=repeated.tokens_out,
        cost_micro_usd=repeated.cost_micro_usd,
        attempts=repeated.attempts,
    )
