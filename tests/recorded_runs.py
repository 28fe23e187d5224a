"""Factories of recorded runs, as a sender would send them: JSON values and block bodies."""

from __future__ import annotations

import itertools
import os
import time
from dataclasses import dataclass, field

from forkpoint.content import digest_text, encode
from forkpoint.events import ids
from forkpoint.events.kinds import RunStatus
from forkpoint.events.model import ArtifactRef, RunEnd, RunStart, StepEnded, StepStarted
from forkpoint.events.wire import to_builtins

RULESET = "0123456789abcdef"
START_NS = 1_790_000_000_000_000_000


@dataclass
class RecordedRun:
    """Makes the records of one run; blocks gather in `blocks` until taken."""

    name: str = "agent"
    ruleset_id: str | None = RULESET
    run_id: str = field(default_factory=lambda: ids.run_id(time.time_ns(), os.urandom(10)))
    blocks: dict[bytes, bytes] = field(default_factory=dict)
    ticks: itertools.count = field(default_factory=lambda: itertools.count(START_NS, 1_000_000))
    numbers: dict[int, itertools.count] = field(default_factory=dict)

    def start(self, **changes: object) -> dict[str, object]:
        record = RunStart(
            run_id=self.run_id, name=self.name, started_ns=START_NS, ruleset_id=self.ruleset_id
        )
        return to_builtins(record) | changes

    def end(self, status: RunStatus = RunStatus.OK, **changes: object) -> dict[str, object]:
        record = RunEnd(run_id=self.run_id, status=status, ended_ns=next(self.ticks))
        return to_builtins(record) | changes

    def ref(self, role: str, value: object) -> ArtifactRef:
        root = encode(value, self.blocks.__setitem__)
        return ArtifactRef(role=role, root=digest_text(root), size=len(str(value)))

    def began(
        self, key: str, *, writer: int = 0, parent: str | None = None, **changes: object
    ) -> dict[str, object]:
        event = StepStarted(
            run_id=self.run_id,
            sequence_no=self.number(writer),
            time_ns=next(self.ticks),
            writer=writer,
            step_id=self.step(key, writer),
            parent_id=None if parent is None else self.step(parent, writer),
            key=key,
            **{"kind": "tool", "name": "search", "strand": key.split("#")[0], **changes},  # type: ignore[arg-type]
        )
        return to_builtins(event)

    def ended(self, key: str, *, writer: int = 0, **changes: object) -> dict[str, object]:
        event = StepEnded(
            run_id=self.run_id,
            sequence_no=self.number(writer),
            time_ns=next(self.ticks),
            writer=writer,
            step_id=self.step(key, writer),
            **{"status": "ok", **changes},  # type: ignore[arg-type]
        )
        return to_builtins(event)

    def step(self, key: str, writer: int = 0) -> str:
        return ids.step_id(ids.RunId(self.run_id), writer, key)

    def steps(self, count: int, *, first: int = 0) -> list[dict[str, object]]:
        """Steps one after the other, each with its end."""
        return [
            event
            for n in range(first, first + count)
            for event in (self.began(f"r#{n}"), self.ended(f"r#{n}"))
        ]

    def number(self, writer: int) -> int:
        return next(self.numbers.setdefault(writer, itertools.count()))

    def take_blocks(self) -> list[str]:
        taken = [body.decode() for body in self.blocks.values()]
        self.blocks.clear()
        return taken
