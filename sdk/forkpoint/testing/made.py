"""The run a replay made: out of memory, or out of the spool its process left behind."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import msgspec
import orjson

from forkpoint.capture.spool import Position, RecordType, SpoolReader
from forkpoint.content.blocks import Digest, Get, digest_from_text, digest_of
from forkpoint.content.decode import decode
from forkpoint.content.errors import ContentError
from forkpoint.events.kinds import ArtifactState, Kind, RunStatus
from forkpoint.events.model import (
    ArtifactRef,
    Event,
    RunEnd,
    RunStart,
    StepEnded,
    StepStarted,
)
from forkpoint.events.wire import read_event, read_run_end, read_run_start
from forkpoint.replay.recording import Recording

UNREADABLE = "(not readable)"
REPORT = "replay_report"


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """One run, whole: what a bundle is written of."""

    start: RunStart
    end: RunEnd | None
    events: Sequence[tuple[int, Event]]
    blocks: Mapping[Digest, bytes]

    def get(self, digests: Collection[Digest]) -> Mapping[Digest, bytes]:
        """Block bodies by digest."""
        return {digest: self.blocks[digest] for digest in digests if digest in self.blocks}

    def recording(self) -> Recording:
        """As replays read it."""
        return Recording.load(self.start, self.end, self.events, self.get)

    def taints(self) -> frozenset[str]:
        """What answers that did not happen it rests on, if any."""
        marks = (step.replay.taint for step in self.steps() if step.replay is not None)
        return frozenset(mark for taint in marks for mark in taint)

    def steps(self) -> list[StepStarted]:
        """Starts of steps, in order."""
        return [event for _, event in self.events if isinstance(event, StepStarted)]

    def outcome(self) -> dict[str, object]:
        """What expectations point into: status, output, error class, tool calls by name."""
        end = self.end
        status = RunStatus.INTERRUPTED if end is None else end.status
        calls = Counter(step.name for step in self.steps() if step.kind is Kind.TOOL)
        return {
            "status": status.value,
            "output": None if end is None else value_of(end.artifacts, "output", self.get),
            "error": None if end is None else end.error_class,
            "calls": dict(sorted(calls.items())),
        }

    def plain(self) -> Made:
        """As a recording of its own: without where its answers came from."""
        events = [(seq, _plain(event)) for seq, event in self.events]
        end = self.end
        if end is not None:
            kept = tuple(ref for ref in end.artifacts if ref.role != REPORT)
            end = msgspec.structs.replace(end, verdict=None, artifacts=kept)
        start = msgspec.structs.replace(self.start, origin=None)
        return Made(start=start, end=end, events=events, blocks=self.blocks)


def value_of(refs: Iterable[ArtifactRef], role: str, get: Get) -> object:
    """The value of an artifact; None if there is none."""
    ref = next((one for one in refs if one.role == role), None)
    if ref is None or ref.root is None:
        return None
    if ref.state is not ArtifactState.CLEAN:
        return UNREADABLE
    try:
        return decode(digest_from_text(ref.root), get)
    except ContentError:
        return UNREADABLE


def out_of_memory(
    starts: Sequence[RunStart],
    ends: Sequence[RunEnd],
    events: Sequence[Event],
    blocks: Mapping[Digest, bytes],
    *,
    run: str,
) -> Made | None:
    """One run of a memory sink; None if it never began."""
    start = next((one for one in starts if one.run_id == run), None)
    if start is None:
        return None
    return Made(
        start=start,
        end=next((one for one in ends if one.run_id == run), None),
        events=list(enumerate(event for event in events if event.run_id == run)),
        blocks=dict(blocks),
    )


def out_of_spools(folder: Path, *, run: str) -> Made | None:
    """One run of the spools below a folder, in the order of their times; None if it never began."""
    reading = _Reading(run)
    for spool in sorted(path for path in folder.iterdir() if path.is_dir()):
        reader, position = SpoolReader(spool), Position()
        while True:
            records, after = reader.read(position)
            if not records:
                break
            for record in records:
                reading.take(record.type, record.payload)
            position = after
    return reading.made()


class _Reading:
    def __init__(self, run: str) -> None:
        self._run = run
        self._starts: list[RunStart] = []
        self._ends: list[RunEnd] = []
        self._events: dict[int, list[Event]] = {}
        """By writer, each in its own order."""
        self._blocks: dict[Digest, bytes] = {}

    def take(self, kind: RecordType, payload: bytes) -> None:
        if kind is RecordType.BLOCK:
            self._blocks[digest_of(payload)] = payload
            return
        fields = cast("object", orjson.loads(payload))
        if kind is RecordType.RUN_START:
            self._starts.append(read_run_start(fields))
        elif kind is RecordType.RUN_END:
            self._ends.append(read_run_end(fields))
        else:
            event = read_event(fields)
            self._events.setdefault(event.writer, []).append(event)

    def made(self) -> Made | None:
        ordered = list(heapq.merge(*self._events.values(), key=lambda event: event.time_ns))
        return out_of_memory(self._starts, self._ends, ordered, self._blocks, run=self._run)


def _plain(event: Event) -> Event:
    if isinstance(event, StepStarted):
        return msgspec.structs.replace(event, replay=None)
    return event


def ends_of(made: Made) -> dict[str, StepEnded]:
    """Ends of steps by step id."""
    return {event.step_id: event for _, event in made.events if isinstance(event, StepEnded)}
