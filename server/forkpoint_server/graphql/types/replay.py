"""Replay sessions, their progress, runners and what runners are told."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self, cast

import strawberry

from forkpoint_server.db.engine import driver
from forkpoint_server.graphql.context import Context, Info
from forkpoint_server.graphql.guards import Needs
from forkpoint_server.graphql.scalars import JSON, BigInt, big
from forkpoint_server.graphql.types.enums import ReplayExecutor, ReplayState, Verdict
from forkpoint_server.replay import progress, runners
from forkpoint_server.replay.rows import SessionRow
from forkpoint_server.replay.words import SAYS, Executor, SessionState
from forkpoint_server.security.scopes import Scope

PAYLOAD = Needs(Scope.READ_PAYLOAD)


@strawberry.type(description="What a replay has used by live calls.")
class ReplaySpend:
    """Counted against the budgets of the policy."""

    calls: int
    tokens: BigInt
    cost_micro_usd: BigInt

    @classmethod
    def of(cls, spend: Mapping[str, object]) -> Self:
        """From its JSON."""
        read = {name: cast("int", spend.get(name, 0)) for name in ("calls", "tokens", "cost")}
        return cls(
            calls=read["calls"],
            tokens=BigInt(read["tokens"]),
            cost_micro_usd=BigInt(read["cost"]),
        )


@strawberry.type(description="One change of a session.")
class ReplayProgress:
    """`n` counts the changes of one session: 0, 1, 2, ..."""

    n: int
    state: ReplayState
    key: str | None = strawberry.field(description="Call key it is at; null before the first step")
    matched: int = strawberry.field(description="Steps that agree with the recording so far")
    total: int | None = strawberry.field(description="Steps of the recording; null: not known")
    spend: ReplaySpend
    time_ns: BigInt

    @classmethod
    def of(cls, row: progress.Progress) -> Self:
        """From a stored change."""
        return cls(
            n=row.n,
            state=row.state,
            key=row.key,
            matched=row.matched,
            total=row.total,
            spend=ReplaySpend.of(row.spend),
            time_ns=BigInt(row.time_ns),
        )


@strawberry.type(description="The step a replay ended at, causally the first.")
class ReplayFailedStep:
    """`reason` is a code of the replay guide."""

    key: str | None = strawberry.field(description="In the new run; null when it is no step")
    sequence: BigInt | None = strawberry.field(description="Step number; null when not recorded")
    source_key: str | None = strawberry.field(description="In the recording; null: none")
    reason: str


@strawberry.type
class ReplaySessionFields:
    """Filled from one row; times in ns."""

    id: strawberry.ID
    run_id: strawberry.ID = strawberry.field(description="The recording")
    new_run_id: strawberry.ID = strawberry.field(description="The run it makes, once it runs")
    kind: str = strawberry.field(description="replay or fork")
    executor: ReplayExecutor
    sample: int
    state: ReplayState
    reason: str | None = strawberry.field(description="Code of the replay guide; null: none")
    message: str | None = strawberry.field(description="The reason in words; null: none")
    verdict: Verdict | None = strawberry.field(description="null while open, failed or cancelled")
    failed_step: ReplayFailedStep | None = strawberry.field(
        description="null when identical or forked, and while it is open"
    )
    progress: ReplayProgress
    runner: str | None = strawberry.field(description="Name of the runner asked for; null: any")
    entrypoint: str | None = strawberry.field(description="Of host replays; null: none")
    resumes: strawberry.ID | None = strawberry.field(description="The session it goes on from")
    says: list[str] = strawberry.field(description="What its result must not be taken for")
    created_ns: BigInt
    started_ns: BigInt | None = strawberry.field(description="null while queued")
    ended_ns: BigInt | None = strawberry.field(description="null while open")
    stale: bool = strawberry.field(description="The trace it replays has grown since")
    row: strawberry.Private[SessionRow]

    @strawberry.field(extensions=[PAYLOAD])
    def spec(self) -> JSON:
        """Cut, edits, policy and models as asked."""
        return JSON(self.row.spec)

    @strawberry.field(extensions=[PAYLOAD])
    def plan(self) -> JSON:
        """The plan it was started with."""
        return JSON(self.row.plan)

    @strawberry.field(extensions=[PAYLOAD], description="null until it ended with one")
    def report(self) -> JSON | None:
        """The report, `forkpoint.divergence/1`."""
        return None if self.row.report is None else JSON(self.row.report)

    @strawberry.field(extensions=[Needs(Scope.READ_META)], description="null when it does not wait")
    async def waits(self, info: Info) -> str | None:
        """What a queued session waits for."""
        return await _waits(info.context, self.row)

    @classmethod
    def of(cls, row: SessionRow) -> Self:
        """The session of a row."""
        return cls(
            id=strawberry.ID(row.session_id),
            run_id=strawberry.ID(row.run_id),
            new_run_id=strawberry.ID(row.new_run_id),
            kind=row.kind,
            executor=row.executor,
            sample=row.sample,
            state=row.state,
            reason=row.reason,
            message=row.message,
            verdict=row.verdict,
            failed_step=_failed(row.failed_step),
            progress=ReplayProgress.of(_progress(row)),
            runner=row.runner,
            entrypoint=row.entrypoint,
            resumes=None if row.resumes is None else strawberry.ID(row.resumes),
            says=[SAYS[row.executor]] if row.executor in SAYS else [],
            created_ns=BigInt(row.created_ns),
            started_ns=big(row.started_ns),
            ended_ns=big(row.ended_ns),
            stale=row.stale,
            row=row,
        )


@strawberry.type(description="A process that executes agent code for replays.")
class Runner:
    """Online: seen in the last 30 s."""

    id: strawberry.ID
    name: str
    entrypoints: list[str]
    commit: str | None = strawberry.field(description="null when it did not say")
    dirty: bool
    lock_digest: str | None = strawberry.field(description="null when it did not say")
    python: str | None = strawberry.field(description="null when it did not say")
    codecs: list[str]
    guard: str | None = strawberry.field(description="python, tcp or os; null when it did not say")
    connected_ns: BigInt

    @classmethod
    def of(cls, runner: runners.Runner) -> Self:
        """The runner of a row."""
        facts = runner.facts
        codecs = cast("list[str]", facts.get("codecs") or [])
        return cls(
            id=strawberry.ID(runner.runner_id),
            name=runner.name,
            entrypoints=list(runner.entrypoints),
            commit=_text(facts.get("commit")),
            dirty=bool(facts.get("dirty")),
            lock_digest=_text(facts.get("lockDigest")),
            python=_text(facts.get("python")),
            codecs=codecs,
            guard=_text(facts.get("guard")),
            connected_ns=BigInt(runner.connected_ns),
        )


@strawberry.type(description="A session that a runner is to execute, under a lease.")
class RunnerJob:
    """Claim it with `startRun(replay: {session, fencing})` within `leaseS` seconds."""

    session: strawberry.ID
    fencing: BigInt
    run_id: strawberry.ID = strawberry.field(description="The recording")
    new_run_id: strawberry.ID = strawberry.field(description="Id the new run must have")
    entrypoint: str
    arguments: JSON | None = strawberry.field(description="For the entry point; null: none")
    spec: JSON = strawberry.field(description="What FORKPOINT_REPLAY_SPEC is to hold")
    lease_s: int
    deadline_ns: BigInt = strawberry.field(description="When it must have ended; ns since epoch")


@strawberry.type(description="What a runner is told: a job, or to stop one.")
class RunnerMessage:
    """Exactly one of the two is given."""

    job: RunnerJob | None = strawberry.field(description="null: something is to be stopped")
    stop: strawberry.ID | None = strawberry.field(
        description="Session that is over for this runner: end its process; null: a job came"
    )


async def _waits(context: Context, row: SessionRow) -> str | None:
    if row.state is not SessionState.QUEUED:
        return None
    if row.executor is not Executor.HOST:
        return "a worker"
    async with context.services.database.reading(context.project_id) as connection:
        raw = await driver(connection)
        waits = await runners.awaited(raw, context.project_id, row.runner, row.entrypoint or "")
    return waits or "its runner to take it"


def _progress(row: SessionRow) -> progress.Progress:
    return progress.Progress(
        n=row.head,
        state=row.state,
        key=row.at_key,
        matched=row.matched,
        total=row.total,
        spend=row.spend,
        time_ns=row.ended_ns or row.started_ns or row.created_ns,
    )


def _failed(step: Mapping[str, object] | None) -> ReplayFailedStep | None:
    if step is None:
        return None
    sequence = step.get("sequence")
    return ReplayFailedStep(
        key=_text(step.get("key")),
        sequence=BigInt(sequence) if isinstance(sequence, int) else None,
        source_key=_text(step.get("sourceKey")),
        reason=str(step.get("reason")),
    )


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
