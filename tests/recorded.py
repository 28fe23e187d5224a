"""Recordings for tests, made as a sender makes them: records, events and blocks as JSON."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson
from forkpoint.content import digest_text, encode
from forkpoint.events import ids
from forkpoint.events.kinds import Kind, RunStatus
from forkpoint.events.model import ArtifactRef, Event, RunEnd, RunStart, StepEnded, StepStarted
from forkpoint.events.wire import encode as encode_record
from serving import Service

BEGIN_NS = 1_790_000_000_000_000_000
STEP_NS = 1_000_000
RULESET = "0123456789abcdef"

START = """mutation($r: JSON!, $b: JSON) { startRun(input: {record: $r, blocks: $b}) {
    run { id status } created missing } }"""
INGEST = """mutation($e: JSON!, $b: JSON) { ingestEvents(input: {events: $e, blocks: $b}) {
    accepted duplicates held missing cursors { runId seq }
    rejected { index id code message field } } }"""
FINISH = """mutation($r: JSON!, $b: JSON) { finishRun(input: {record: $r, blocks: $b}) {
    run { id status } missing } }"""


@dataclass(slots=True)
class Recording:
    """One run in the making; `events` grows, blocks are collected once."""

    name: str = "refund-agent"
    run_id: str = field(default_factory=lambda: ids.run_id(BEGIN_NS, os.urandom(10)))
    events: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    blocks: dict[bytes, str] = field(default_factory=dict[bytes, str])
    start: dict[str, Any] = field(default_factory=lambda: {"ruleset_id": RULESET})

    def __post_init__(self) -> None:
        record = RunStart(run_id=self.run_id, name=self.name, started_ns=BEGIN_NS, **self.start)
        self.start = orjson.loads(encode_record(record))

    def ref(self, role: str, value: object) -> ArtifactRef:
        """An artifact of a value, whose blocks are kept."""
        root = encode(value, self._keep)
        return ArtifactRef(role=role, root=digest_text(root), size=len(repr(value)))

    def step(
        self,
        key: str,
        *,
        name: str = "decide",
        kind: Kind = Kind.MODEL,
        parent: str | None = None,
        artifacts: Sequence[ArtifactRef] = (),
        **fields: Any,
    ) -> str:
        """Begin a step; its id."""
        step_id = ids.step_id(ids.RunId(self.run_id), 0, key)
        self.add(
            StepStarted(
                run_id=self.run_id,
                sequence_no=len(self.events),
                time_ns=self._now(),
                step_id=step_id,
                kind=kind,
                name=name,
                key=key,
                parent_id=parent,
                artifacts=tuple(artifacts),
                **fields,
            )
        )
        return step_id

    def end(self, step_id: str, *, status: Any = "ok", **fields: Any) -> None:
        """End a step."""
        self.add(
            StepEnded(
                run_id=self.run_id,
                sequence_no=len(self.events),
                time_ns=self._now(),
                step_id=step_id,
                status=status,
                **fields,
            )
        )

    def add(self, event: Event) -> None:
        """Append an event of any type."""
        self.events.append(orjson.loads(encode_record(event)))

    def call(self, key: str, **fields: Any) -> None:
        """A whole step without payload."""
        self.end(self.step(key, **fields))

    def finish_record(self, status: RunStatus = RunStatus.OK, **fields: Any) -> dict[str, Any]:
        """The record that closes the run."""
        record = RunEnd(
            run_id=self.run_id,
            status=status,
            ended_ns=self._now(),
            events={"0": len(self.events)},
            **fields,
        )
        return orjson.loads(encode_record(record))

    async def send_start(self, service: Service) -> None:
        """Send the record that opens the run."""
        await service.data(START, r=self.start, b=list(self.blocks.values()))

    async def send(self, service: Service) -> None:
        """Send all of it: start, events with blocks, end."""
        await self.send_start(service)
        await service.data(INGEST, e=self.events, b=list(self.blocks.values()))
        await service.data(FINISH, r=self.finish_record())

    def _keep(self, digest: bytes, body: bytes) -> None:
        self.blocks[digest] = body.decode()

    def _now(self) -> int:
        return BEGIN_NS + (len(self.events) + 1) * STEP_NS


def recorded(*, steps: int = 3, **fields: Any) -> Recording:
    """A run of some finished model calls."""
    recording = Recording(**fields)
    for number in range(steps):
        recording.call(f"r#{number}")
    return recording
