"""The canonical event schema, version 1: frozen structs, snake_case on the wire.

Two records belong to the run (`RunStart`, `RunEnd`); five event types happen inside it. Payload
never stands in an event: it hangs on as `ArtifactRef`s, roots of redacted content trees. The closed
list of plain fields is that of the redaction guide: ids, kinds, statuses, times, counters, names.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec

from forkpoint.events.kinds import ArtifactState, Effect, Kind, Match, Mode, RunStatus, Verdict

SCHEMA_VERSION = 1
"""Major: a record of a newer one is not understood."""
SCHEMA_MINOR = 1
"""Grows with each optional field. 1.1 brought `RunStart.otel`, and `minor` itself."""


RESERVED = "$beyond"
"""A name that nothing on the wire may have: that of `beyond`."""


class _Wire(msgspec.Struct, omit_defaults=True, forbid_unknown_fields=True, frozen=True, gc=False):
    """What all of them share; msgspec does not inherit `kw_only`. None can be part of a cycle."""


class _Versioned(_Wire, frozen=True, kw_only=True):
    """What events and the records of a run say of their version."""

    v: Literal[1] = 1
    minor: int = 0
    """The lowest minor version that has all fields of this record. Unknown fields of a newer one
    are kept; under one that is known here they are a mistake."""
    beyond: dict[str, Any] | None = msgspec.field(default=None, name=RESERVED)
    """Fields of a newer minor version, see `growth`. Never on the wire under a name of its own."""


class ArtifactRef(_Wire, frozen=True, kw_only=True):
    """A pointer from a run or step to a content tree.

    Roles: `input.<part>` (one per signature part, e.g. `input.messages`, `input.args`), `output`,
    `shape` (key order and float forms of the output), `error`, `chunks` (stream boundaries),
    `attributes`, `replay_report`, `file.<name>`.
    """

    role: str
    root: str | None = None
    """43 characters; None when the payload was withheld before it was hashed."""
    size: int = 0
    """Bytes of the value's canonical JSON, as counted by the sender."""
    state: ArtifactState = ArtifactState.CLEAN
    reason: str | None = None
    """Why it is not clean (`overload`, `too_large`, `hook_error`, ...)."""
    media_type: str | None = None
    """Of files only."""


class SourceRef(_Wire, frozen=True, kw_only=True):
    """The recorded step a replayed step was served from."""

    run: str
    key: str
    seq: int


class ReplayInfo(_Wire, frozen=True, kw_only=True):
    """How a step of a replay came by its answer."""

    session: str
    mode: Mode
    match: Match = Match.NONE
    source: SourceRef | None = None
    rule: int | None = None
    """Index of the policy rule that decided, None for the default."""
    edit: int | None = None
    """Index of the edit applied at this step."""
    executor: str = "host"
    taint: tuple[str, ...] = ()
    divergence: str | None = None
    waited_ns: int = 0


class _Event(_Versioned, frozen=True, kw_only=True):
    run_id: str
    sequence_no: int
    """Place among the events of its writer: 0, 1, 2, ... without holes."""
    time_ns: int
    """Wall clock, Unix epoch, nanoseconds."""
    writer: int = 0


class StepStarted(_Event, frozen=True, kw_only=True, tag="step_started", tag_field="event_type"):
    """A call begins. Its step number is the `seq` the server gives to this event."""

    step_id: str
    kind: Kind
    name: str
    key: str
    """Call key: scope, `#`, counter (replay guide, section 1)."""
    strand: str = "r"
    parent_id: str | None = None
    site: str | None = None
    """`module:qualified.name` of the caller, no line number."""
    subtype: str | None = None
    effect: Effect | None = None
    codec: str | None = None
    """Projection that made the parts, e.g. `openai.chat/1`; None for decorators."""
    model: str | None = None
    """Model asked for, of model steps."""
    signature: str | None = None
    """43 characters; None when a part could not be signed."""
    delta: str | None = None
    """As `signature`, with only the messages new in this scope since its last step of that name."""
    contended: bool = False
    artifacts: tuple[ArtifactRef, ...] = ()
    replay: ReplayInfo | None = None


class StepEnded(_Event, frozen=True, kw_only=True, tag="step_ended", tag_field="event_type"):
    """A call is over, well or not."""

    step_id: str
    status: Literal["ok", "error", "cancelled"]
    error_class: str | None = None
    model: str | None = None
    """Model that answered."""
    finish_reason: str | None = None
    tokens_in: int | None = None
    tokens_out: int | None = None
    cost_micro_usd: int | None = None
    attempts: int = 1
    chunks: int | None = None
    """Number of stream chunks handed to the caller, None if not streamed."""
    artifacts: tuple[ArtifactRef, ...] = ()


class StepAttempt(_Event, frozen=True, kw_only=True, tag="step_attempt", tag_field="event_type"):
    """One try inside a logical call that a client library retried."""

    step_id: str
    number: int
    error_class: str | None = None
    http_status: int | None = None


class Gap(_Event, frozen=True, kw_only=True, tag="gap", tag_field="event_type"):
    """Events of this writer that were lost, said by the SDK or found by the server."""

    first: int
    last: int
    """Inclusive range of lost `sequence_no`s; `first == last == sequence_no` if only counted."""
    count: int
    reason: str


class Note(_Event, frozen=True, kw_only=True, tag="note", tag_field="event_type"):
    """A fact about the run that is no call: a soft finding, a breach, nondeterminism draws."""

    name: str
    step_id: str | None = None
    strand: str | None = None
    artifacts: tuple[ArtifactRef, ...] = ()


Event = StepStarted | StepEnded | StepAttempt | Gap | Note


class Origin(_Wire, frozen=True, kw_only=True):
    """Where a replayed or forked run comes from."""

    run: str
    session: str
    kind: Literal["replay", "fork"]
    cut_key: str | None = None
    cut_side: Literal["before", "after"] | None = None
    edits: str | None = None
    """Root of the list of edits."""
    policy: str | None = None
    """Root of the policy."""


class OtelLink(_Wire, frozen=True, kw_only=True):
    """The span of OpenTelemetry that a run was started in. A link, never identity."""

    trace_id: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{32}$")]
    span_id: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{16}$")]


class RunStart(_Versioned, frozen=True, kw_only=True):
    """A run begins; sent as `startRun`, first record of a spool."""

    run_id: str
    name: str
    started_ns: int
    content_format: str = "content/1"
    signature_codec: str = "sig/1"
    ruleset_id: str | None = None
    redaction_key_id: str | None = None
    code_version: str | None = None
    sdk: str | None = None
    """Name and version of the sender, e.g. `forkpoint-python/0.1.0`."""
    ordering: Literal["recorded", "derived"] = "recorded"
    identity: Literal["recorded", "derived"] = "recorded"
    tags: tuple[str, ...] = ()
    origin: Origin | None = None
    otel: OtelLink | None = None
    artifacts: tuple[ArtifactRef, ...] = ()


class RunEnd(_Versioned, frozen=True, kw_only=True):
    """A run is over; sent as `finishRun`, last record of a spool."""

    run_id: str
    status: RunStatus
    ended_ns: int
    error_class: str | None = None
    events: dict[str, int] = {}
    """Number of events each writer sent, by writer number as text; fewer stored means a gap."""
    verdict: Verdict | None = None
    """Of replays."""
    artifacts: tuple[ArtifactRef, ...] = ()
