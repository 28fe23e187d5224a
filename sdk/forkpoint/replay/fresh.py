"""New steps of a worker's replay: what it says of answers that the recording does not hold.

Everything is a function of the recording, the session and the answers it was given, so that a
second attempt writes the same events.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, cast

from forkpoint.content.blocks import Value, digest_from_text, digest_text
from forkpoint.content.encode import encode
from forkpoint.content.shape import shape
from forkpoint.content.signature import signature
from forkpoint.content.store import MemoryBlocks
from forkpoint.events.canonical import Plain, canonical_bytes
from forkpoint.events.ids import Root
from forkpoint.events.kinds import Kind
from forkpoint.events.model import ArtifactRef, Event, RunEnd, SourceRef, StepEnded
from forkpoint.replay.interception import Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """A model that has to be asked now. The answer of an equal `key` is never asked for twice."""

    key: str
    codec: str | None
    parts: Mapping[str, Value]
    signature: str | None = None
    """Digest of what is asked; None where a part was withheld."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seek:
    """An answer to look for in other runs: those this was forked from, or all of the project."""

    kind: Kind
    name: str
    signature: str
    scope: Literal["lineage", "project"]
    ttl_s: float | None
    """Greatest age of the answer in seconds; None for any."""
    allow_errors: bool
    reuse: Literal["once", "any"]
    harmless: bool = True
    """Whether it changes nothing in the world; else only a run it is compared with may answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """An answer of another run."""

    outcome: Outcome
    source: SourceRef


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What a model answered, in the form the recorder gives to its output."""

    output: object = None
    error: Mapping[str, object] | None = None
    model: str | None = None
    finish_reason: str | None = None
    tokens_in: int | None = None
    tokens_out: int | None = None
    cost_micro_usd: int | None = None
    elapsed_ns: int = 0

    @property
    def outcome(self) -> Outcome:
        """As the engine hands it over."""
        status = "ok" if self.error is None else "error"
        return Outcome(output=self.output, error=self.error, status=status)


@dataclass(slots=True)
class Page:
    """Events and blocks of the new run that were not sent yet."""

    events: list[Event] = field(default_factory=list[Event])
    blocks: MemoryBlocks = field(default_factory=MemoryBlocks)

    def take(self) -> tuple[list[Event], dict[bytes, bytes]]:
        """What there is; it is empty afterwards. Blocks stay readable through `blocks`."""
        events, self.events = self.events, []
        return events, dict(self.blocks.blocks)

    def store(self, role: str, value: object) -> ArtifactRef:
        """Encode a value and name it under a role."""
        root = encode(cast("Value", value), self.blocks.put)
        return ArtifactRef(role=role, root=Root(digest_text(root)), size=size_of(value))

    def answer(self, outcome: Outcome) -> tuple[ArtifactRef, ...]:
        """The artifacts of how a step ended."""
        if outcome.error is not None:
            return (self.store("error", dict(outcome.error)),)
        form = shape(cast("Value", outcome.output))
        refs = [self.store("output", outcome.output)]
        if form is not None:
            refs.append(self.store("shape", form))
        return tuple(refs)


@dataclass(frozen=True, slots=True, kw_only=True)
class Executed:
    """What an executor came to: the end of the new run and what its report says."""

    end: RunEnd | None
    """The recorded end, with what changed; None where the replay stopped before it."""
    stop: str | None = None
    """Code, if it stopped."""
    message: str | None = None
    key: str | None = None
    """Where it stopped."""
    source_key: str | None = None
    matched: int = 0
    said: Mapping[str, object] = field(default_factory=dict[str, object])
    """Members of the report."""
    spend: Mapping[str, int] = field(default_factory=dict[str, int])
    """What live calls used: `calls`, `tokens`, `cost` in micro-USD."""


def size_of(value: object) -> int:
    """Bytes of the canonical JSON of a value; 0 for what JSON cannot say."""
    try:
        return len(canonical_bytes(cast("Plain", value)))
    except (TypeError, ValueError):
        return 0


def signed(kind: Kind, name: str, parts: Mapping[str, str]) -> str:
    """The signature of a call from its parts' roots."""
    roots = {part: digest_from_text(root) for part, root in parts.items()}
    return digest_text(signature(kind, name, roots))


def ended_with(
    at: StepEnded,
    outcome: Outcome,
    artifacts: Sequence[ArtifactRef],
    *,
    reply: Reply | None = None,
) -> StepEnded:
    """The end of a step that got another answer at its place."""
    failed = outcome.error is not None
    numbers = Reply() if reply is None else reply
    return StepEnded(
        run_id=at.run_id,
        sequence_no=at.sequence_no,
        time_ns=at.time_ns,
        writer=at.writer,
        step_id=at.step_id,
        status="error" if failed else "ok",
        error_class=str((outcome.error or {}).get("class")) if failed else None,
        model=numbers.model,
        finish_reason=numbers.finish_reason,
        tokens_in=numbers.tokens_in,
        tokens_out=numbers.tokens_out,
        cost_micro_usd=numbers.cost_micro_usd,
        artifacts=tuple(artifacts),
    )
