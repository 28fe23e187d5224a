"""What a caller's thread hands to the background: snapshots and facts, nothing it can change."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal

import msgspec

from forkpoint.capture.held import Held, HeldBytes, HeldFile
from forkpoint.events.kinds import Effect, Kind, RunStatus
from forkpoint.events.model import Origin, OtelLink, StepEnded
from forkpoint.replay.interception import Kept

# `gc=False`: they hold bytes and names and never refer in a circle, so the collector need not look.
Status = Literal["ok", "error", "cancelled"]


class Withheld(msgspec.Struct, frozen=True, gc=False):
    """A payload that is not recorded, and why (`overload`, `unserialisable`, `too_large`, ...)."""

    reason: str
    size: int = 0


Payload = bytes | Withheld
"""A packed snapshot, or the reason there is none."""


def payload_bytes(payload: Payload | None) -> int:
    """Bytes of a snapshot in memory."""
    return len(payload) if type(payload) is bytes else 0


class RunBegun(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A run starts."""

    name: str
    time_ns: int
    size: int = 0
    tags: tuple[str, ...]
    attributes: Payload | None
    code_version: str | None
    origin: Origin | None = None
    otel: OtelLink | None = None
    environment: Payload | None = None


class StepBegun(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A call starts."""

    kind: Kind
    name: str
    scope: str
    key: str
    strand: str
    parent: str | None
    """Key of the step it is nested in."""
    site: str | None
    effect: Effect | None
    contended: bool
    parts: Mapping[str, Payload]
    size: int
    """Bytes of its snapshots; so in every item."""
    time_ns: int
    codec: str | None = None
    model: str | None = None
    subtype: str | None = None


class Streamed(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """How a streamed output was handed over: enough to hand it over again, chunk by chunk."""

    count: int
    """Chunks the caller took."""
    layout: bytes
    """Snapshot of `{"frames", "heads", "end"}` as the `chunks` artifact holds them, over raw text;
    `end` is `done`, `closed` (the caller stopped early) or `broken`."""


class Numbers(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What a step says about itself besides its payload."""

    model: str | None = None
    finish_reason: str | None = None
    tokens_in: int | None = None
    tokens_out: int | None = None
    cost_micro_usd: int | None = None
    attempts: int = 1


NO_NUMBERS = Numbers()


class StepOver(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A call is over."""

    key: str
    strand: str
    status: Status
    time_ns: int
    size: int = 0
    output: Payload | None = None
    error: Payload | None = None
    error_class: str | None = None
    streamed: Streamed | None = None
    numbers: Numbers = NO_NUMBERS
    repeats: StepEnded | None = None
    """The recorded end of the step that served this one: its numbers are repeated."""
    kept: Kept | None = None
    """The recorded answer that is referred to instead of `output` and `error`."""


class Deferred(msgspec.Struct, frozen=True, kw_only=True):
    """The end of a call that still has to be worked out, from bytes nothing can change."""

    key: str
    time_ns: int
    size: int
    """Bytes it holds."""
    make: Callable[[], StepOver]


class Attempted(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One try of a call that its client library repeats."""

    key: str
    number: int
    time_ns: int
    size: int = 0
    error_class: str | None = None
    http_status: int | None = None


class Noted(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A fact about the run that is no call."""

    name: str
    time_ns: int
    size: int = 0
    key: str | None = None
    strand: str | None = None
    role: str | None = None
    payload: Payload | Held | None = None
    media_type: str | None = None


class Passed(msgspec.Struct, frozen=True, gc=False):
    """A point beside the steps whose order a replay keeps (`replay/points.py`)."""

    point: str
    time_ns: int
    size: int = 0


class Drawn(msgspec.Struct, frozen=True, gc=False):
    """A value user code drew from the clock or from chance (`replay/draws.py`)."""

    scope: str
    source: str
    value: int | float | str | None
    time_ns: int
    size: int = 0


class RunOver(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A run is over."""

    status: RunStatus
    time_ns: int
    size: int = 0
    output: Payload | None = None
    error: Payload | None = None
    error_class: str | None = None
    attributes: Payload | None = None


Item = RunBegun | StepBegun | StepOver | Deferred | Attempted | Noted | Passed | Drawn | RunOver


def without_payload(item: Item, reason: str) -> Item:
    """The same fact with its snapshots withheld."""
    if isinstance(item, RunBegun):
        return msgspec.structs.replace(
            item,
            attributes=item.attributes and _withheld(item.attributes, reason),
            environment=item.environment and _withheld(item.environment, reason),
        )
    if isinstance(item, StepBegun):
        parts = {part: _withheld(payload, reason) for part, payload in item.parts.items()}
        return msgspec.structs.replace(item, parts=parts, size=0)
    if isinstance(item, StepOver):
        return msgspec.structs.replace(
            item,
            size=0,
            output=item.output and _withheld(item.output, reason),
            error=item.error and _withheld(item.error, reason),
        )
    if isinstance(item, Deferred):
        over = item.make()
        return without_payload(over, reason)
    if isinstance(item, Noted):
        return msgspec.structs.replace(
            item, size=0, payload=item.payload and _withheld_file(item.payload, reason)
        )
    return item


def _withheld(payload: Payload, reason: str) -> Withheld:
    return Withheld(reason, len(payload)) if isinstance(payload, bytes) else payload


def _withheld_file(payload: Payload | Held, reason: str) -> Payload:
    if isinstance(payload, HeldFile | HeldBytes):
        payload.close()
        return Withheld(reason, payload.size)
    return _withheld(payload, reason)
