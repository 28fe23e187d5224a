"""What a batch writes, as values: rows of steps, ends of older steps, artifacts.

One is made for each row of a batch, so they are structs: a tenth of the time of a dataclass. The
order of their fields is the order in which `writer` names the columns.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

import msgspec
from forkpoint.content import Digest


class KnownStep(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What a batch has to know of a step that an earlier one began."""

    seq: int
    depth: int
    kind: int
    ended: bool


class StepRow(msgspec.Struct, kw_only=True, gc=False):
    """A row of `step`; mutable until written, since its end may stand in the same batch."""

    run_id: str
    step_id: str
    project_id: int
    seq: int
    kind: int
    name: str
    key: str
    strand: str
    lane: int
    depth: int
    start_ns: int
    contended: bool
    flags: int
    parent_id: str | None = None
    parent_seq: int | None = None
    site: str | None = None
    subtype: str | None = None
    effect: str | None = None
    codec: str | None = None
    model: str | None = None
    signature: Digest | None = None
    delta: Digest | None = None
    replay: str | None = None
    """JSON text."""
    status: str = "running"
    end_seq: int | None = None
    end_ns: int | None = None
    error_class: str | None = None
    finish_reason: str | None = None
    tokens_in: int | None = None
    tokens_out: int | None = None
    cost_micro_usd: int | None = None
    attempts: int = 1
    chunks: int | None = None


class StepEnd(msgspec.Struct, kw_only=True, gc=False):
    """What the end of a step changes in a row that an earlier batch wrote."""

    run_id: str
    step_id: str
    end_seq: int
    end_ns: int
    status: str
    model: str | None = None
    error_class: str | None = None
    finish_reason: str | None = None
    tokens_in: int | None = None
    tokens_out: int | None = None
    cost_micro_usd: int | None = None
    attempts: int = 1
    chunks: int | None = None
    flags: int
    """Bits to add; `RUNNING` goes."""


class ArtifactRow(msgspec.Struct, kw_only=True, gc=False):
    """A row of `artifact`."""

    run_id: str
    step_id: str
    role: str
    project_id: int
    gen: int
    root: Digest | None
    size: int
    state: str
    reason: str | None
    media_type: str | None


EventRow: TypeAlias = tuple[object, ...]
"""A row of `event`, as it is written; nothing looks into it again."""


@dataclass(slots=True, kw_only=True)
class Rows:
    """All rows of one batch."""

    events: list[EventRow] = field(default_factory=list[EventRow])
    steps: dict[tuple[str, str], StepRow] = field(default_factory=dict[tuple[str, str], StepRow])
    """By run and step id, in order of `seq`."""
    ends: list[StepEnd] = field(default_factory=list[StepEnd])
    artifacts: list[ArtifactRow] = field(default_factory=list[ArtifactRow])
