"""Dry runs: which executor would do what, and why a replay is refused before it exists."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

import msgspec
from forkpoint.errors import ReplayError
from forkpoint.replay.edits import OF_HOST
from forkpoint.replay.plan import Plan, make_plan
from forkpoint.replay.spec import ReplaySpec, read_spec

from forkpoint_server.db.engine import Driver
from forkpoint_server.replay.baselines import WORKER, code_of, is_proven
from forkpoint_server.replay.columns import Outlined, outline
from forkpoint_server.replay.runners import awaited, online
from forkpoint_server.replay.words import SAYS, WORKER_EXECUTORS, Executor

_FIELDS = {
    "policy_invalid": "policy",
    "cut_invalid": "cut",
    "edit_invalid": "edits",
    "edit_conflict": "edits",
    "codec_mismatch": "runId",
    "recording_incomplete": "runId",
    "not_clean": "runId",
    "entrypoint_missing": "entrypoint",
}
"""Where in the input a refusal stands."""


class Refusal(msgspec.Struct, frozen=True, kw_only=True):
    """Why this cannot be replayed as asked; `field` is the part of the input that would change."""

    code: str
    message: str
    field: str


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """An executor, and why it cannot do this; None if it can."""

    executor: Executor
    refusal: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What `startReplay` was asked, as JSON values."""

    run_id: str
    cut: Mapping[str, object] | None = None
    edits: Sequence[object] = ()
    policy: Mapping[str, object] | None = None
    executor: Executor | None = None
    """None: the best that can do it."""
    runner: str | None = None
    entrypoint: str | None = None
    arguments: Mapping[str, object] | None = None
    models: Sequence[str] = ()
    resumes: str | None = None
    grants: Sequence[str] = ()
    compared: str | None = None
    """The run it is compared with, whose answers a worker may give."""

    @property
    def is_fork(self) -> bool:
        """Whether anything may differ from the recording on purpose."""
        return bool(self.cut or self.edits or self.models)

    @property
    def of_process(self) -> list[str]:
        """Kinds of the edits that change the process in which the agent's code runs."""
        read = (cast("Mapping[str, object]", edit) for edit in self.edits if isinstance(edit, dict))
        return [kind for kind in (str(edit.get("kind")) for edit in read) if kind in OF_HOST]

    def spec(self, session: str, new_run: str | None) -> dict[str, object]:
        """The spec of one session, as `read_spec` takes it and as a runner is given it."""
        return {
            "session": session,
            "kind": "fork" if self.is_fork else "replay",
            "run_id": new_run,
            "policy": self.policy,
            "cut": self.cut,
            "edits": list(self.edits),
            "grants": list(self.grants),
            **({} if self.compared is None else {"compared": self.compared}),
        }


DERIVED = (
    "the call keys of this run were derived from a trace, so running code cannot be proved to"
    " repeat its calls; fork it with allow_shift"
)
"""Why no code is replayed exactly against a run that our own recorder did not make."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """The answer of a dry run. `plan` is None when what was asked cannot even be read."""

    head: int
    executor: Executor
    choices: Sequence[Choice]
    plan: Plan | None
    refusals: Sequence[Refusal]
    says: Sequence[str]
    waits: str | None
    """Why a session would wait; None if it can begin."""


async def plan_replay(raw: Driver, project_id: int, asked: Asked) -> Planned:
    """Plan without doing anything. Raises `NotFound` for a run that is not there."""
    outlined = await outline(raw, project_id, asked.run_id)
    refusals: list[Refusal] = []
    if outlined.refused is not None:
        refusals.append(_refusal(outlined.refused))
    executor = asked.executor or _best(asked)
    proven = asked.is_fork and await _is_proven(raw, project_id, asked, executor)
    plan = await asyncio.to_thread(_planned, outlined, asked, refusals, proven=proven)
    derived = outlined.recording.start.identity == "derived"
    choices = [
        Choice(executor=each, refusal=_unfit(each, asked, derived=derived)) for each in Executor
    ]
    unfit = _unfit(executor, asked, derived=derived)
    if unfit is not None:
        refusals.append(_misfit(executor, asked, unfit))
    waits = None
    if executor is Executor.HOST and asked.entrypoint is not None:
        waits = await awaited(raw, project_id, asked.runner, asked.entrypoint)
    return Planned(
        head=outlined.head,
        executor=executor,
        choices=choices,
        plan=plan,
        refusals=refusals,
        says=[SAYS[executor]] if executor in SAYS else [],
        waits=waits,
    )


async def _is_proven(raw: Driver, project_id: int, asked: Asked, executor: Executor) -> bool:
    """Whether an exact replay by what would execute this was identical before."""
    codes: list[str | None] = [WORKER]
    if executor is Executor.HOST:
        codes = [
            code_of(runner.facts, asked.entrypoint, asked.arguments)
            for runner in await online(raw, project_id)
            if asked.entrypoint in runner.entrypoints and asked.runner in (None, runner.name)
        ]
    known = [code for code in codes if code is not None]
    return bool(known) and await is_proven(raw, project_id, asked.run_id, known)


def _planned(
    outlined: Outlined, asked: Asked, refusals: list[Refusal], *, proven: bool
) -> Plan | None:
    try:
        growing = asked.executor is Executor.LOOP
        spec = dataclasses.replace(_spec(asked), baseline=proven)
        return make_plan(outlined.recording, spec, growing=growing)
    except ReplayError as error:
        refusals.append(_refusal(error))
        return None


def _spec(asked: Asked) -> ReplaySpec:
    return read_spec(asked.spec("plan", None))


def _best(asked: Asked) -> Executor:
    """Agent code where it is at hand, else what a worker can do without it."""
    if asked.entrypoint is not None or asked.of_process:
        return Executor.HOST
    if asked.models:
        return Executor.SINGLE
    return Executor.GRAPH if asked.is_fork else Executor.VERIFY


def _unfit(executor: Executor, asked: Asked, *, derived: bool) -> str | None:
    """Why an executor cannot do this; None if it can. `derived`: call keys were not recorded."""
    if executor is Executor.HOST:
        if asked.entrypoint is None:
            return "name the entry point of a runner"
        return DERIVED if derived and not asked.is_fork else None
    if executor not in WORKER_EXECUTORS:
        return "no worker does this here"
    if asked.of_process:
        return f"`{asked.of_process[0]}` changes the agent's process: a runner does that"
    return _unfit_worker(executor, asked)


def _unfit_worker(executor: Executor, asked: Asked) -> str | None:
    if executor is Executor.VERIFY and asked.is_fork:
        return "a recording is verified as it is: without cut and edits"
    if executor is Executor.GRAPH and not asked.edits:
        return "there is no edit whose effect could spread"
    if executor is Executor.LOOP and asked.is_fork and not (asked.cut or asked.edits):
        return "name the step of the loop from which it goes on"
    if executor is Executor.SINGLE and asked.cut is None:
        return "name the model step as the cut"
    return None


def _misfit(executor: Executor, asked: Asked, why: str) -> Refusal:
    if executor is Executor.HOST and asked.entrypoint is None:
        return Refusal(code="entrypoint_missing", message=why, field="entrypoint")
    if why == DERIVED:
        return Refusal(code="recording_incomplete", message=why, field="runId")
    return Refusal(code="executor_unfit", message=f"{executor}: {why}", field="executor")


def _refusal(error: ReplayError) -> Refusal:
    field = str(error.details.get("field") or "")
    place = _FIELDS.get(error.code, "runId")
    return Refusal(
        code=error.code,
        message=error.message,
        field=f"{place}.{field}" if field else place,
    )
