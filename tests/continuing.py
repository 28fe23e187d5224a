"""Loops continued by the engine alone, for tests: no worker, no database, models that answer."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from forkpoint.content import digest_from_text
from forkpoint.content.decode import decode
from forkpoint.events.model import RunStart, StepEnded, StepStarted
from forkpoint.replay.answers import Answers
from forkpoint.replay.continuation import Continuation
from forkpoint.replay.fresh import Ask, Executed, Reply, Seek
from forkpoint.replay.graph import Graph
from forkpoint.replay.recording import Recording
from forkpoint.replay.reemit import Reemission, Target
from forkpoint.replay.spec import read_spec
from forkpoint_cli.importers.tape import ImportedRun

NEW = "0190bbbb-0000-7000-8000-000000000000"


@dataclass
class Continued:
    """What came of a loop, read back."""

    executed: Executed
    started: list[StepStarted]
    ended: dict[str, StepEnded]
    asked: list[Ask]
    get: Callable[[Collection[bytes]], Mapping[bytes, bytes]]

    def value(self, key: str, role: str) -> Any:
        step = next(step for step in self.started if step.key == key)
        refs = [*step.artifacts, *self.ended[step.step_id].artifacts]
        root = next(ref.root for ref in refs if ref.role == role)
        return decode(digest_from_text(str(root)), self.get)


def recording_of(run: ImportedRun) -> tuple[Recording, list[Any]]:
    """An imported run as a loop to go on with."""

    def get(wanted: Collection[bytes]) -> Mapping[bytes, bytes]:
        return {digest: run.blocks[digest] for digest in wanted if digest in run.blocks}

    events = list(enumerate(run.events))
    return Recording.load(run.start, run.end, events, get), events


def events_of(recording: Recording) -> list[Any]:
    """The starts and ends of a recording, in order."""
    pairs = [*zip(recording.seqs, recording.started, strict=True)]
    ends = [*zip(recording.end_seqs, recording.ended, strict=True)]
    return sorted((pair for pair in [*pairs, *ends] if pair[1] is not None), key=lambda e: e[0])


def go_on(
    loop: tuple[Recording, list[Any]],
    *,
    edits: Sequence[dict[str, Any]] = (),
    cut: dict[str, Any] | None = None,
    policy: dict[str, Any] | None = None,
    replies: Sequence[Any] = (),
    again: bool = False,
    executor: type[Continuation | Graph] = Continuation,
) -> Continued:
    """Continue a loop; models answer `replies`, or `again` what they answered in the recording."""
    recording, events = loop
    spec = read_spec(
        {"session": "s", "kind": "fork", "cut": cut, "edits": list(edits), "policy": policy}
    )
    target = Target(run_id=NEW, session="s", executor="loop", begins_ns=1_000, sender="test")
    emission = Reemission(RunStart(run_id="r", name="talk", started_ns=0), target)
    made = executor(recording, events, spec, emission, now=lambda: 0)
    running, asked, answer, left = made.run(), list[Ask](), None, list(replies)
    while True:
        try:
            ask = running.send(answer)
        except StopIteration as over:
            break_with = over.value
            break
        if isinstance(ask, Seek):
            answer = None  # there is no other run
            continue
        assert isinstance(ask, Ask)
        asked.append(ask)
        place = recording.by_key[ask.key] if again else -1
        output = Answers(recording).recorded(place).output if again else left.pop(0)
        answer = Reply(output=output, tokens_in=1, tokens_out=1)
    started = [event for event in made.page.events if isinstance(event, StepStarted)]
    ended = {e.step_id: e for e in made.page.events if isinstance(e, StepEnded)}
    numbers = [event.sequence_no for event in made.page.events]
    assert numbers == list(range(len(numbers)))

    def get(wanted: Collection[bytes]) -> Mapping[bytes, bytes]:
        return {**recording.get(wanted), **made.page.blocks.get(wanted)}

    return Continued(break_with, started, ended, asked, get)
