"""The executor `loop`: a loop is proved, then written again, or continued from a cut."""

from __future__ import annotations

import asyncio

from forkpoint.errors import ReplayError
from forkpoint.events.kinds import Verdict
from forkpoint.replay.codes import exit_code, verdict_of
from forkpoint.replay.continuation import Continuation
from forkpoint.replay.loop import Proof, prove
from forkpoint.replay.reemit import Reemission
from forkpoint.replay.report import REPORT_FORMAT
from forkpoint_server.replay.progress import End, Step
from forkpoint_server.replay.words import SAYS, Executor

from forkpoint_worker.replays.attempt import Attempt
from forkpoint_worker.replays.forks import execute
from forkpoint_worker.replays.payload import roots_of
from forkpoint_worker.replays.reading import Recorded
from forkpoint_worker.replays.verify import write_again


async def loop(attempt: Attempt, recorded: Recorded) -> End:
    """Rebuild every request of the loop: `identical`, or stopped with `loop_not_standard`.

    A fork goes on after its cut, to an end of its own or to what nobody can answer.
    """
    await attempt.payload().keep(roots_of(recorded), recorded.blocks)
    if attempt.spec.kind == "fork":
        return await _continued(attempt, recorded)
    await attempt.running(recorded)
    try:
        proof = await asyncio.to_thread(prove, recorded.recording)
    except ReplayError as error:
        return _not_standard(recorded, error)
    report = _report(recorded, proof)
    await write_again(attempt, recorded, report, Verdict.IDENTICAL)
    return End(verdict=Verdict.IDENTICAL, report=report, step=Step(matched=len(recorded.recording)))


async def _continued(attempt: Attempt, recorded: Recorded) -> End:
    emission = Reemission(recorded.start, attempt.target)
    try:
        executor = await asyncio.to_thread(
            Continuation,
            recorded.recording,
            recorded.events,
            attempt.spec,
            emission,
            now=attempt.work.services.clock,
        )
    except ReplayError as error:
        if error.code != "loop_not_standard":
            raise
        return _not_standard(recorded, error)
    return await execute(attempt, recorded, executor, emission)


def _report(recorded: Recorded, proof: Proof) -> dict[str, object]:
    steps = len(recorded.recording)
    return {
        "format": REPORT_FORMAT,
        "verdict": Verdict.IDENTICAL.value,
        "exit": exit_code(Verdict.IDENTICAL),
        "failedStep": None,
        "matched": steps,
        "recorded": steps,
        "changes": [],
        "soft": [{"code": SAYS[Executor.LOOP], "count": 1}],
        "loop": proof.to_json(),
    }


def _not_standard(recorded: Recorded, error: ReplayError) -> End:
    key = str(error.details.get("key"))
    place = recorded.recording.by_key.get(key)
    failed: dict[str, object] = {
        "key": key,
        "sequence": None if place is None else recorded.recording.seqs[place],
        "sourceKey": key,
        "reason": error.code,
    }
    verdict = verdict_of(error.code)
    report: dict[str, object] = {
        "format": REPORT_FORMAT,
        "verdict": None if verdict is None else verdict.value,
        "exit": exit_code(verdict),
        "failedStep": failed,
        "message": error.message,
        "matched": 0,
        "recorded": len(recorded.recording),
        "changes": [],
        "soft": [],
        "loop": {"cause": error.details.get("cause")},
    }
    return End(
        verdict=verdict,
        reason=error.code,
        message=error.message,
        failed_step=failed,
        report=report,
    )
