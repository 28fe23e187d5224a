"""Writing down a run that somebody else recorded: values become blocks, calls become events."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal, cast

from forkpoint.content import (
    Digest,
    ListEncoder,
    Value,
    digest_text,
    encode,
    shape,
    signature,
)
from forkpoint.events.canonical import Plain, canonical_bytes
from forkpoint.events.ids import Root, RunId, StepId, step_id
from forkpoint.events.kinds import Kind
from forkpoint.events.model import (
    ArtifactRef,
    Event,
    RunEnd,
    RunStart,
    StepEnded,
    StepStarted,
)

Redact = Callable[[object], object]
"""Takes the secrets out of one value; item-wise, so a list may be given item by item."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Importer:
    """Who imports: its name and version, and what it masks with."""

    name: str
    redact: Redact
    ruleset_id: str | None = None
    redaction_key_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedRun:
    """Everything the service needs of a run: blocks first, then start, events, end."""

    start: RunStart
    events: tuple[Event, ...]
    end: RunEnd
    blocks: Mapping[Digest, bytes]


@dataclass(frozen=True, slots=True)
class Stored:
    """A value that was redacted and encoded: its root and the bytes of its canonical JSON."""

    digest: Digest
    size: int

    def ref(self, role: str) -> ArtifactRef:
        """This value as an artifact."""
        return ArtifactRef(role=role, root=Root(digest_text(self.digest)), size=self.size)


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A step that begins: what it is, where it stands, what it is given."""

    kind: Kind
    name: str
    key: str
    at_ns: int
    parts: Mapping[str, Stored]
    parent: str | None = None
    model: str | None = None
    codec: str | None = None
    subtype: str | None = None
    delta: Stored | None = None
    """The messages new in this scope since its last model step."""


class Tape:
    """Collects the blocks and events of one run; `sequence_no` counts by itself."""

    def __init__(self, run: RunId, *, redact: Redact) -> None:
        self.run = run
        self.events: list[Event] = []
        self.blocks: dict[Digest, bytes] = {}
        self._redact = redact

    def store(self, value: object) -> Stored:
        """Redact and encode a value."""
        return self.store_redacted(self._redact(value))

    def store_redacted(self, value: object) -> Stored:
        """Encode a value that is redacted already."""
        return Stored(encode(cast("Value", value), self._keep), _size(value))

    def output(self, redacted: object) -> list[ArtifactRef]:
        """A redacted answer, and beside it what its canonical form forgets."""
        form = shape(cast("Value", redacted))
        refs = [self.store_redacted(redacted).ref("output")]
        if form is not None:
            refs.append(self.store_redacted(form).ref("shape"))
        return refs

    def conversation(self) -> Conversation:
        """A list of messages that grows from call to call."""
        return Conversation(self, ListEncoder(self._keep), self._redact)

    def begin(self, call: Call) -> StepId:
        """A call starts."""
        step = step_id(self.run, 0, call.key)
        parts = {name: stored.digest for name, stored in call.parts.items()}
        delta = {**parts, "messages": call.delta.digest} if call.delta else None
        self.events.append(
            StepStarted(
                run_id=self.run,
                sequence_no=len(self.events),
                time_ns=call.at_ns,
                step_id=step,
                kind=call.kind,
                name=call.name,
                key=call.key,
                parent_id=call.parent,
                codec=call.codec,
                model=call.model,
                subtype=call.subtype,
                signature=digest_text(signature(call.kind, call.name, parts)),
                delta=digest_text(signature(call.kind, call.name, delta)) if delta else None,
                artifacts=tuple(stored.ref(f"input.{n}") for n, stored in call.parts.items()),
            )
        )
        return step

    def end(
        self,
        step: StepId,
        *,
        at_ns: int,
        status: Literal["ok", "error"] = "ok",
        artifacts: Iterable[ArtifactRef] = (),
        error_class: str | None = None,
        finish_reason: str | None = None,
        model: str | None = None,
    ) -> None:
        """A call is over."""
        self.events.append(
            StepEnded(
                run_id=self.run,
                sequence_no=len(self.events),
                time_ns=at_ns,
                step_id=step,
                status=status,
                error_class=error_class,
                finish_reason=finish_reason,
                model=model,
                artifacts=tuple(artifacts),
            )
        )

    def _keep(self, digest: Digest, body: bytes) -> None:
        self.blocks.setdefault(digest, body)


@dataclass(slots=True)
class Conversation:
    """A message list encoded as it grows: each message is redacted and encoded once."""

    _tape: Tape
    _encoder: ListEncoder
    _redact: Redact
    _size: int = 2
    _new: list[object] = field(default_factory=list[object])

    def add(self, message: Mapping[str, object]) -> object:
        """Append a message; gives its redacted form."""
        redacted = self._redact(message)
        self._size += _size(redacted) + (1 if len(self._encoder) else 0)
        self._encoder.push(cast("Value", redacted))
        self._new.append(redacted)
        return redacted

    def now(self) -> Stored:
        """The list as it is at this moment."""
        return Stored(self._encoder.root(), self._size)

    def take_new(self) -> Stored:
        """The messages added since this was last asked."""
        new, self._new = self._new, []
        return self._tape.store_redacted(new)


def _size(value: object) -> int:
    """Bytes of the canonical JSON of a parsed value."""
    return len(canonical_bytes(cast("Plain", value)))
