"""What a runner is told: sessions to execute, each under a lease, and sessions to stop."""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from collections.abc import AsyncGenerator
from functools import partial

import strawberry

from forkpoint_server import telemetry
from forkpoint_server.db.engine import driver
from forkpoint_server.errors import BadRequest, Overloaded
from forkpoint_server.graphql.context import Context, Info
from forkpoint_server.graphql.guards import Needs
from forkpoint_server.graphql.scalars import JSON, BigInt
from forkpoint_server.graphql.types.replay import RunnerJob, RunnerMessage
from forkpoint_server.live.outages import outlast
from forkpoint_server.live.topics import runners_topic
from forkpoint_server.replay import runners
from forkpoint_server.replay.baselines import proven_for
from forkpoint_server.replay.leases import watch
from forkpoint_server.replay.rows import SessionRow
from forkpoint_server.replay.runners import LEASE_S, Runner
from forkpoint_server.security.scopes import Scope

MOST_ENTRYPOINTS = 200
MOST_AT_ONCE = 64
DEADLINE_S = 3600
BETWEEN_S = 0.05


@strawberry.input(description="What a runner says of itself.")
class RunnerInput:
    """`entrypoints` are names that replays may ask for; `slots` how many it executes at once."""

    name: str
    entrypoints: list[str]
    commit: str | None = None
    dirty: bool = False
    lock_digest: str | None = None
    python: str | None = None
    codecs: list[str] | None = None
    guard: str | None = None
    slots: int = 1

    def read(self, *, now_ns: int) -> Runner:
        """The runner of the replay room; raises `BadRequest`."""
        texts = [self.name, *self.entrypoints, *(self.codecs or [])]
        texts += [text for text in (self.commit, self.lock_digest, self.python, self.guard) if text]
        if not all(1 <= len(text) <= 256 and text.isprintable() for text in texts):
            raise BadRequest("names have 1 to 256 printable characters", field="runner")
        if not 1 <= len(self.entrypoints) <= MOST_ENTRYPOINTS or len(texts) > 400:
            raise BadRequest(f"1 to {MOST_ENTRYPOINTS} entry points", field="runner.entrypoints")
        if not 1 <= self.slots <= MOST_AT_ONCE:
            raise BadRequest(f"1 to {MOST_AT_ONCE} slots", field="runner.slots")
        facts: dict[str, object] = {
            "commit": self.commit,
            "dirty": self.dirty,
            "lockDigest": self.lock_digest,
            "python": self.python,
            "codecs": self.codecs or [],
            "guard": self.guard,
        }
        return Runner(
            runner_id=str(uuid.uuid4()),
            name=self.name,
            entrypoints=tuple(self.entrypoints),
            facts=facts,
            connected_ns=now_ns,
        )


@strawberry.type
class RunnerJobsSubscription:
    """Part of the subscription type."""

    @strawberry.subscription(extensions=[Needs(Scope.RUNNER)])
    async def runner_jobs(
        self, info: Info, runner: RunnerInput
    ) -> AsyncGenerator[RunnerMessage, None]:
        """Jobs for this runner as long as it listens; while it does it is online."""
        with telemetry.subscriptions.labels(field="runnerJobs").track_inprogress():
            async for message in serve(info.context, runner):
                telemetry.live_messages.labels(field="runnerJobs").inc()
                yield message


async def serve(context: Context, asked: RunnerInput) -> AsyncGenerator[RunnerMessage]:
    """Deliver what waits, and tell of each delivered session that ended."""
    runner = asked.read(now_ns=context.services.clock())
    topic = runners_topic(context.project_id)
    delivered: set[str] = set()
    announced = False
    try:
        async with context.services.listener.subscribed(topic) as signal:
            while True:
                signal.take()
                look = partial(_look, context, runner, delivered, most=asked.slots)
                ended, jobs = await (outlast(look) if announced else look())
                announced = True
                delivered -= ended.keys()
                for session_id, must_stop in ended.items():
                    if must_stop:
                        yield RunnerMessage(job=None, stop=strawberry.ID(session_id))
                for job in jobs:
                    delivered.add(job.session_id)
                    yield RunnerMessage(job=_job(job), stop=None)
                await asyncio.sleep(BETWEEN_S)
                await signal.wait()
    finally:
        await _leave(context, runner)


async def _leave(context: Context, runner: Runner) -> None:
    """Say that it is gone; a database that is away finds out when the lease is over."""
    with contextlib.suppress(Overloaded):
        async with context.services.database.transaction(context.project_id) as connection:
            await runners.leave(await driver(connection), context.project_id, runner.runner_id)


async def _look(
    context: Context, runner: Runner, delivered: set[str], *, most: int
) -> tuple[dict[str, bool], list[SessionRow]]:
    async with context.services.database.transaction(context.project_id) as connection:
        raw = await driver(connection)
        await runners.announce(raw, context.project_id, runner)
        ended = await runners.over(raw, context.project_id, list(delivered)) if delivered else {}
        jobs = await runners.deliver(raw, context.project_id, runner, most=most)
        jobs = await proven_for(raw, context.project_id, runner, jobs)
        for job in jobs:
            await watch(raw, job)
    return ended, jobs


def _job(row: SessionRow) -> RunnerJob:
    # what only the server needs stays out of the file the child reads strictly
    spec = {name: value for name, value in row.spec.items() if name not in ("models", "arguments")}
    arguments = row.spec.get("arguments")
    return RunnerJob(
        session=strawberry.ID(row.session_id),
        fencing=BigInt(row.fence),
        run_id=strawberry.ID(row.run_id),
        new_run_id=strawberry.ID(row.new_run_id),
        entrypoint=row.entrypoint or "",
        arguments=None if arguments is None else JSON(arguments),
        spec=JSON(spec),
        lease_s=LEASE_S,
        deadline_ns=BigInt(row.created_ns + DEADLINE_S * 10**9),
    )
