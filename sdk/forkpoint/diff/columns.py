"""What the engine needs of a run: one entry per step and column, in step order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import overload

import msgspec

ASKING = ("model", "planner")
"""Kinds that decide which calls come next in their scope."""
Parts = Mapping[str, str]
"""Root of each signature part (`messages`, `args`, ...)."""


class StepRow(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One step of a run. Digests are 43-character roots, times Unix ns, money micro-USD."""

    seq: int
    key: str
    kind: str
    name: str
    status: str = "ok"
    signature: str | None = None
    delta: str | None = None
    parts: Parts = msgspec.field(default_factory=dict[str, str])
    output: str | None = None
    error: str | None = None
    """Root of the error value."""
    sketch: bytes | None = None
    """Four min-hashes of the text that was new in the call (`sketch.py`); None: not known."""
    model: str | None = None
    site: str | None = None
    start_ns: int = 0
    end_ns: int | None = None
    tokens_in: int | None = None
    tokens_out: int | None = None
    cost_micro_usd: int | None = None
    mode: str | None = None
    """Of replayed steps: exact, cached, simulated or live."""
    edited: bool = False
    source_run: str | None = None
    source_key: str | None = None
    """The recorded step it was served from."""
    unreadable: bool = False
    """A payload is not clean: its sections are reported as missing, never as equal."""

    @property
    def answer(self) -> str | None:
        """What the step handed back: its output, else its error."""
        return self.output if self.output is not None else self.error


@dataclass(frozen=True, slots=True, kw_only=True)
class RunColumns:
    """One side of a comparison."""

    run_id: str
    head: int
    """Last `seq` the columns were read under; part of every cache key."""
    status: str
    sealed: bool
    content_format: str = "content/1"
    signature_codec: str = "sig/1"
    redaction_key_id: str | None = None
    parent_run: str | None = None
    output: str | None = None
    steps: Sequence[StepRow] = ()


class Picked(Sequence[StepRow]):
    """The steps at some places, each looked up when it is asked for."""

    def __init__(self, steps: Sequence[StepRow], places: Sequence[int]) -> None:
        self._steps = steps
        self._places = places

    def __len__(self) -> int:
        return len(self._places)

    @overload
    def __getitem__(self, at: int) -> StepRow: ...
    @overload
    def __getitem__(self, at: slice) -> Picked: ...
    def __getitem__(self, at: int | slice) -> StepRow | Picked:
        if isinstance(at, slice):
            return Picked(self._steps, self._places[at])
        return self._steps[self._places[at]]


def scope_of(key: str) -> str:
    """The scope a call key counts in: its strand, or the step around it (`r#4.0` -> `r#4`)."""
    end = key.rfind("#")
    return key[: key.rfind(".") if key.find(".", end) >= 0 else max(end, 0)]


def spawner_of(scope: str) -> str | None:
    """The scope a strand was spawned in; None for the root, foreign strands and step scopes."""
    parent, spawned, _ = scope.rpartition("/")
    return parent if spawned and "#" not in scope.rpartition("/")[2] else None
