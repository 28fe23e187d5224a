"""The executor `verify`: every digest, count and rank is checked, then the run is written again."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import cast

from forkpoint.content import Digest, MemoryBlocks, Value, digest_text, encode
from forkpoint.errors import ReplayError
from forkpoint.events.canonical import Plain, canonical_bytes
from forkpoint.events.kinds import Verdict
from forkpoint.events.model import ArtifactRef, Event, Origin, StepStarted
from forkpoint.replay.codes import exit_code
from forkpoint.replay.reemit import Reemission
from forkpoint.replay.report import REPORT_FORMAT
from forkpoint.replay.soundness import first_unsound
from forkpoint_server.db.engine import driver
from forkpoint_server.db.whole import rows_of, wholes_of
from forkpoint_server.replay.progress import End, Step
from forkpoint_server.replay.words import SAYS, Executor

from forkpoint_worker.replays.attempt import Attempt
from forkpoint_worker.replays.payload import roots_of
from forkpoint_worker.replays.reading import Events, Recorded
from forkpoint_worker.replays.writing import BATCH

FIRST = 100
"""Events of the first transaction."""


async def verify(attempt: Attempt, recorded: Recorded) -> End:
    """Check a recording and write it again: `identical`, or `integrity_failed` at a step."""
    unsound = await asyncio.to_thread(first_unsound, recorded.recording)
    if unsound is not None:
        raise ReplayError(unsound.message, code="integrity_failed", key=unsound.key)
    checked = await attempt.payload().check(roots_of(recorded))
    prefix = recorded.recording.prefix
    verdict = Verdict.PARTIAL if prefix else Verdict.IDENTICAL
    report = _report(recorded, verdict, checked)
    await write_again(attempt, recorded, report, verdict)
    await _prove(attempt, recorded)
    if verdict is Verdict.IDENTICAL:
        await attempt.proven()
    return End(
        verdict=verdict,
        reason="end_of_recording" if prefix else None,
        message="the recording was cut short here" if prefix else None,
        failed_step=_last(recorded) if prefix else None,
        report=report,
        step=Step(matched=len(recorded.recording)),
    )


async def write_again(
    attempt: Attempt, recorded: Recorded, report: dict[str, object], verdict: Verdict
) -> None:
    """The whole recording as a new run; only the report is new content."""
    emission = Reemission(recorded.start, attempt.target)
    origin = Origin(run=recorded.start.run_id, session=attempt.session.session_id, kind="replay")
    await attempt.run.start(emission.opening(origin), {})
    steps, key = 0, None
    for number, batch in enumerate(batches(recorded.events)):
        events = await asyncio.to_thread(_moved, emission, batch)
        await attempt.run.send(events, {})
        if number == 0:
            await attempt.running(recorded)  # whoever hears of it finds the run and its first steps
        keys = [event.key for event in events if isinstance(event, StepStarted)]
        steps, key = steps + len(keys), keys[-1] if keys else key
        await attempt.progress(Step(key=key, matched=steps))
    await attempt.still_held()
    kept, ref = stored("replay_report", report)
    end = recorded.end or emission.cut_short(recorded.events)
    await attempt.run.finish(emission.closing(end, verdict, (ref,)), kept)


def batches(events: Events) -> Iterator[Events]:
    """Events by transactions; a small one first, so that the first step is there sooner."""
    yield events[:FIRST]
    for at in range(FIRST, len(events), BATCH):
        yield events[at : at + BATCH]


def stored(role: str, value: object) -> tuple[dict[Digest, bytes], ArtifactRef]:
    """A value of ours as blocks and the artifact that names them."""
    blocks = MemoryBlocks()
    root = digest_text(encode(cast("Value", value), blocks.put))
    size = len(canonical_bytes(cast("Plain", value)))
    return blocks.blocks, ArtifactRef(role=role, root=root, size=size)


def _moved(emission: Reemission, events: Events) -> list[Event]:
    return [emission.event(seq, event) for seq, event in events]


async def _prove(attempt: Attempt, recorded: Recorded) -> None:
    """Hold what was stored against the recording; raises `ReplayError` `integrity_failed`."""
    services = attempt.work.services
    async with services.database.reading(attempt.work.job.project_id) as connection:
        both = recorded.start.run_id, attempt.session.new_run_id
        wholes = await wholes_of(connection, attempt.work.job.project_id, both)
        statement = _OTHER_ROOTS.format(
            steps=rows_of("step", wholes), artifacts=rows_of("artifact", wholes)
        )
        other = await (await driver(connection)).fetchval(statement, *both)
    if other is not None:
        raise ReplayError("the new run has another root here", code="integrity_failed", key=other)


_OTHER_ROOTS = """
with roots as (
  select step.key, artifact.role, artifact.root, artifact.run_id
  from {artifacts} as artifact
  join {steps} as step on step.run_id = artifact.run_id and step.step_id = artifact.step_id
  where artifact.run_id in ($1, $2) and step.run_id in ($1, $2))
select coalesce(a.key, b.key)
from (select * from roots where run_id = $1) as a
full join (select * from roots where run_id = $2) as b on a.key = b.key and a.role = b.role
where a.root is distinct from b.root
limit 1
"""


def _report(recorded: Recorded, verdict: Verdict, checked: int) -> dict[str, object]:
    """`forkpoint.divergence/1` of a verification; `blocks` counts those that were read."""
    steps, note = len(recorded.recording), SAYS[Executor.VERIFY]
    return {
        "format": REPORT_FORMAT,
        "verdict": verdict.value,
        "exit": exit_code(verdict),
        "failedStep": None if verdict is Verdict.IDENTICAL else _last(recorded),
        "matched": steps,
        "recorded": steps,
        "changes": [],
        "soft": [{"code": note, "count": 1}],
        "blocks": checked,
    }


def _last(recorded: Recorded) -> dict[str, object]:
    recording = recorded.recording
    last = len(recording) - 1
    key = recording.started[last].key if last >= 0 else None
    return {
        "key": key,
        "sequence": recording.seqs[last] if last >= 0 else None,
        "sourceKey": key,
        "reason": "end_of_recording",
    }
