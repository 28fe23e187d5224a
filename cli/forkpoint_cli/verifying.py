"""A replay without a program: the recording is taken apart and made again, and must come out equal.

Every event is there once and in order, every payload is rebuilt from its blocks and has the digest
it should have, and every signature follows from the inputs it was made of. This proves that the
recording is whole, not that the program would do the same again: the report says `code not
executed`.
"""

from __future__ import annotations

from collections.abc import Iterator

from forkpoint.content import ContentError, digest_from_text, verify
from forkpoint.events.kinds import ArtifactState
from forkpoint.events.model import ArtifactRef, Gap, StepAttempt, StepStarted
from forkpoint.replay.recording import Recording
from forkpoint.replay.soundness import first_unsound

from forkpoint_cli.recordings import Recorded
from forkpoint_cli.sources import Opened

NOTE = "code not executed"


def verify_recording(opened: Opened) -> dict[str, object]:
    """A `forkpoint.divergence/1` report: identical, or no verdict and the first damaged step.

    Raises `ReplayError` for a recording no replay accepts: `recording_incomplete`, `not_clean`, ...
    """
    recorded = opened.recorded
    recording = Recording.load(recorded.start, recorded.end, recorded.events, opened.get)
    steps = {
        event.step_id: (seq, event.key)
        for seq, event in recorded.events
        if isinstance(event, StepStarted)
    }
    checked: set[str] = set()
    for step, ref in _artifacts(recorded):
        if ref.root is None or ref.state is not ArtifactState.CLEAN or ref.root in checked:
            continue
        checked.add(ref.root)
        try:
            verify(digest_from_text(ref.root), opened.get)
        except ContentError as error:
            seq, key = steps.get(step or "", (None, None))
            return _failed(len(steps), seq, key, error.message)
    unsound = first_unsound(recording)
    if unsound is not None:
        return _failed(len(steps), unsound.sequence, unsound.key, unsound.message)
    return {**_report("identical", len(steps)), "payloads": len(checked)}


def _failed(steps: int, seq: int | None, key: str | None, message: str) -> dict[str, object]:
    failed = {"key": key, "sequence": seq, "sourceKey": key, "reason": "integrity_failed"}
    return {**_report(None, steps), "failedStep": failed, "message": message}


def _report(verdict: str | None, steps: int) -> dict[str, object]:
    return {
        "format": "forkpoint.divergence/1",
        "verdict": verdict,
        "exit": 0 if verdict else 2,
        "failedStep": None,
        "matched": steps if verdict else 0,
        "recorded": steps,
        "changes": [],
        "soft": [{"code": NOTE, "count": 1}],
    }


def _artifacts(recorded: Recorded) -> Iterator[tuple[str | None, ArtifactRef]]:
    """Every artifact of the run with the step it belongs to; None for those of the run itself."""
    for ref in recorded.start.artifacts:
        yield None, ref
    for _, event in recorded.events:
        if isinstance(event, Gap | StepAttempt):
            continue
        for ref in event.artifacts:
            yield event.step_id, ref
    for ref in recorded.end.artifacts if recorded.end else ():
        yield None, ref
