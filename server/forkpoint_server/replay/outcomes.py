"""What a session came to, out of a report or a code."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from forkpoint.events.kinds import Verdict
from forkpoint.replay.codes import verdict_of

from forkpoint_server.errors import BadRequest
from forkpoint_server.replay.progress import End, Step

MESSAGE_LIMIT = 2_000


def end_of_report(report: Mapping[str, object]) -> End:
    """The end a `forkpoint.divergence/1` report tells of; raises `BadRequest` for anything else."""
    if report.get("format") != "forkpoint.divergence/1":
        raise BadRequest("`report` is no forkpoint.divergence/1", field="report")
    verdict = report.get("verdict")
    if verdict is not None and verdict not in set(Verdict):
        raise BadRequest("`report.verdict` is none of the verdicts", field="report.verdict")
    failed = report.get("failedStep")
    failed_step = cast("Mapping[str, object]", failed) if isinstance(failed, dict) else None
    matched = report.get("matched")
    return End(
        verdict=None if verdict is None else Verdict(str(verdict)),
        reason=None if failed_step is None else str(failed_step.get("reason"))[:100],
        message=_short(report.get("message")),
        failed_step=failed_step,
        report=report,
        step=Step(matched=matched if isinstance(matched, int) else None),
    )


def failure(code: str, message: str | None, *, key: str | None = None) -> End:
    """The end of a session that could not begin or go on; the code gives the verdict it has."""
    failed = {"key": key, "sequence": None, "sourceKey": key, "reason": code[:100]}
    return End(
        verdict=verdict_of(code),
        reason=code[:100],
        message=_short(message),
        failed_step=failed,
    )


def _short(text: object) -> str | None:
    return text[:MESSAGE_LIMIT] if isinstance(text, str) else None
