"""A recorder that keeps everything in memory, for tests of agents and of ourselves."""

from __future__ import annotations

from collections.abc import Collection, Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from forkpoint.bundle.writer import write_bundle
from forkpoint.capture import process
from forkpoint.capture.counters import Counters
from forkpoint.capture.recorder import Recorder
from forkpoint.content.blocks import Digest, Value, digest_from_text, digest_of
from forkpoint.content.decode import decode
from forkpoint.events.model import (
    ArtifactRef,
    Event,
    RunEnd,
    RunStart,
    StepEnded,
    StepStarted,
)
from forkpoint.redact.engine import Redactor
from forkpoint.redact.ruleset import Ruleset
from forkpoint.redact.tokens import TokenKey
from forkpoint.replay.recording import Recording
from forkpoint.settings import Settings

TEST_KEY = bytes(range(32))
"""The redaction key of the published test vectors."""


class MemorySink:
    """A `Sink` in memory. `capacity` bytes at most; what does not fit is dropped and counted."""

    def __init__(self, capacity: int = 1 << 30) -> None:
        self.starts: list[RunStart] = []
        self.ends: list[RunEnd] = []
        self.events: list[Event] = []
        self.blocks: dict[Digest, bytes] = {}
        self.order: list[str] = []
        """What came, in order: `start`, `block`, `event`, `end`."""
        self.capacity = capacity

    def start(self, record: RunStart, blocks: Sequence[bytes]) -> None:
        """Keep the record that opens a run."""
        for body in blocks:
            self.block(body)
        self.starts.append(record)
        self.order.append("start")

    def block(self, body: bytes) -> None:
        """Keep a block."""
        self.blocks[digest_of(body)] = body
        self.capacity -= len(body)
        self.order.append("block")

    def event(self, event: Event) -> None:
        """Keep an event."""
        self.events.append(event)
        self.order.append("event")

    def end(self, record: RunEnd) -> None:
        """Keep the record that closes a run."""
        self.ends.append(record)
        self.order.append("end")

    def flush(self) -> None:
        """Nothing waits."""

    def failing(self) -> bool:
        """Never."""
        return False

    def room(self) -> int:
        """Bytes of blocks that still fit."""
        return max(0, self.capacity)

    def close(self) -> None:
        """Nothing is open."""

    def renew(self) -> None:
        """A forked child keeps its own copy."""


class Recorded:
    """What a memory recorder holds, with the payloads decoded on demand."""

    def __init__(self, recorder: Recorder, sink: MemorySink) -> None:
        self.recorder = recorder
        self.sink = sink

    @property
    def events(self) -> list[Event]:
        """All events so far, everything that waits included."""
        self.recorder.drain()
        return self.sink.events

    @property
    def run(self) -> RunStart:
        """The record that opened the last run."""
        self.recorder.drain()
        return self.sink.starts[-1]

    @property
    def end(self) -> RunEnd:
        """The record that closed the last run."""
        self.recorder.drain()
        return self.sink.ends[-1]

    @property
    def steps(self) -> list[StepStarted]:
        """Starts of steps, in order."""
        return [event for event in self.events if isinstance(event, StepStarted)]

    def keys(self) -> list[str]:
        """Call keys, in order."""
        return [step.key for step in self.steps]

    def step(self, key: str) -> StepStarted:
        """The start of the step with this key."""
        return next(step for step in self.steps if step.key == key)

    def ended(self, key: str) -> StepEnded:
        """The end of the step with this key."""
        wanted = self.step(key).step_id
        ends = [event for event in self.events if isinstance(event, StepEnded)]
        return next(end for end in ends if end.step_id == wanted)

    def get(self, digests: Collection[Digest]) -> Mapping[Digest, bytes]:
        """Bodies by digest."""
        return {one: self.sink.blocks[one] for one in digests if one in self.sink.blocks}

    def value(self, artifacts: Sequence[ArtifactRef], role: str) -> Value:
        """The value of an artifact. Raises `KeyError` if there is none that can be read."""
        ref = next((one for one in artifacts if one.role == role), None)
        if ref is None or ref.root is None:
            raise KeyError(role)
        return decode(digest_from_text(ref.root), self.get)

    def input(self, key: str, part: str) -> Value:
        """The value of an input part of a step."""
        return self.value(self.step(key).artifacts, f"input.{part}")

    def output(self, key: str) -> Value:
        """The value a step came to."""
        return self.value(self.ended(key).artifacts, "output")

    def recording(self) -> Recording:
        """The last run as replays read it."""
        run_id = self.run.run_id
        events = [event for event in self.events if event.run_id == run_id]
        return Recording.load(self.run, self.end, list(enumerate(events)), self.get)

    def write_bundle(self, path: Path) -> None:
        """Write the last run as a bundle."""
        run_id = self.run.run_id
        events = [event for event in self.events if event.run_id == run_id]
        write_bundle(path, self.run, self.end, enumerate(events), self.sink.blocks)

    def text(self) -> bytes:
        """Everything that was recorded, as one text to search in."""
        return b"\n".join([*self.sink.blocks.values(), repr(self.events).encode()])


def memory_recorder(
    settings: Settings | None = None,
    *,
    secrets: Sequence[str] = (),
    sink: MemorySink | None = None,
) -> Recorded:
    """A recorder in memory that masks with the key of the test vectors."""
    kept = sink or MemorySink()
    asked = settings or Settings(data=Path("unused"))
    rules = Ruleset(secret_keys=asked.redaction.secret_keys, safe_keys=asked.redaction.safe_keys)

    def load(run_id: str | None) -> Redactor:
        return Redactor(rules, TokenKey(TEST_KEY, run_id=run_id), secrets)

    return Recorded(Recorder(asked, kept, load, counters=Counters()), kept)


@contextmanager
def recorded(
    settings: Settings | None = None,
    *,
    secrets: Sequence[str] = (),
    sink: MemorySink | None = None,
) -> Generator[Recorded, None, None]:
    """Record the runs of this block in memory instead of sending them anywhere."""
    memory = memory_recorder(settings, secrets=secrets, sink=sink)
    before = process.install(memory.recorder)
    try:
        yield memory
    finally:
        memory.recorder.stop()
        process.install(before)
