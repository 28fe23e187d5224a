"""Baselines: a recording that was replayed without edits and was identical.

Only then are the differences of a fork those of its edits. A baseline holds for the head of the run
and for what replayed it: the code of a runner with an entry point and its arguments, or the codecs
of a worker, which executes no code.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import cast

import orjson
from forkpoint.events.kinds import Verdict
from forkpoint.replay.recording import CONTENT_FORMAT, SIGNATURE_CODEC

from forkpoint_server.db.engine import Driver
from forkpoint_server.replay.progress import End
from forkpoint_server.replay.rows import SessionRow
from forkpoint_server.replay.runners import Runner
from forkpoint_server.replay.words import Executor

WORKER = f"worker/1 {CONTENT_FORMAT} {SIGNATURE_CODEC}"
"""What a worker proves a recording by; the number grows with what it checks."""
_UNPROVEN = "baseline_unproven"


def code_of(facts: Mapping[str, object], entrypoint: str | None, arguments: object) -> str | None:
    """The code of a runner, as one digest; None where nobody can say that it stays the same."""
    if facts.get("commit") is None or facts.get("dirty") or entrypoint is None:
        return None
    named = [facts.get(name) for name in ("commit", "lockDigest", "python", "codecs")]
    said = orjson.dumps([*named, entrypoint, arguments], option=orjson.OPT_SORT_KEYS)
    return "host/" + hashlib.sha256(said).hexdigest()


async def is_proven(raw: Driver, project_id: int, run_id: str, codes: Sequence[str]) -> bool:
    """Whether a run, as it is now, has a baseline under one of some codes. Index: primary key."""
    return await raw.fetchval(
        """
        select exists (
          select
          from baseline
          join run on run.run_id = baseline.run_id and run.project_id = $2
          where baseline.run_id = $1 and baseline.project_id = $2
            and baseline.code = any ($3::text[]) and baseline.head = run.head)
        """,
        run_id,
        project_id,
        list(codes),
    )


async def prove(raw: Driver, project_id: int, run_id: str, code: str, *, now_ns: int) -> None:
    """Keep that a run, as it is now, was replayed and was identical."""
    await raw.execute(
        """
        insert into baseline (run_id, code, project_id, head, proven_ns)
        select run_id, $3, project_id, head, $4
        from run
        where run_id = $1 and project_id = $2
        on conflict (run_id, code) do update
        set head = excluded.head, proven_ns = excluded.proven_ns
        """,
        run_id,
        project_id,
        code,
        now_ns,
    )


async def proven_for(
    raw: Driver, project_id: int, runner: Runner, jobs: Sequence[SessionRow]
) -> list[SessionRow]:
    """The same sessions; forks whose recording this runner's code is known to repeat say so."""
    found: list[SessionRow] = []
    for job in jobs:
        code = code_of(runner.facts, job.entrypoint, job.spec.get("arguments"))
        fork = job.kind == "fork" and code is not None
        known = fork and await is_proven(raw, project_id, job.run_id, [str(code)])
        found.append(replace(job, spec={**job.spec, "baseline": True}) if known else job)
    return found


async def learn(raw: Driver, session: SessionRow, ended: End, *, now_ns: int) -> None:
    """Keep what the end of a host's session shows: that its code repeats the recording.

    An exact replay that was identical shows it, and a fork whose runner replayed the recording
    before. Index: primary key of `runner`.
    """
    if session.executor is not Executor.HOST or session.owner is None or not _shows(session, ended):
        return
    facts = await raw.fetchval(
        "select facts::text from runner where project_id = $1 and runner_id = $2",
        session.project_id,
        session.owner,
    )
    if facts is None:
        return
    code = code_of(orjson.loads(facts), session.entrypoint, session.spec.get("arguments"))
    if code is not None:
        await prove(raw, session.project_id, session.run_id, code, now_ns=now_ns)


def _shows(session: SessionRow, ended: End) -> bool:
    if session.kind == "replay":
        policy = cast("Mapping[str, object]", session.spec.get("policy") or {})
        default = cast("Mapping[str, object]", policy.get("default") or {})
        exact = default.get("mode", "exact") == "exact" and not policy.get("rules")
        return exact and ended.verdict is Verdict.IDENTICAL
    report = ended.report or {}
    soft = cast("Sequence[Mapping[str, object]]", report.get("soft") or ())
    return ended.verdict is not None and all(each.get("code") != _UNPROVEN for each in soft)
