"""One attempt at one session: what its executor works with, and how it says where it is."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from typing import cast

from forkpoint.content import Value
from forkpoint.errors import ReplayError
from forkpoint.replay.fresh import Ask, Reply
from forkpoint.replay.reemit import Target
from forkpoint.replay.soundness import first_unsound
from forkpoint.replay.spec import ReplaySpec, read_spec
from forkpoint_server.db.engine import driver
from forkpoint_server.live.topics import session_topic
from forkpoint_server.replay.baselines import WORKER, is_proven, prove
from forkpoint_server.replay.progress import End, Held, Step, end, move
from forkpoint_server.replay.rows import SessionRow
from forkpoint_server.replay.words import SessionState

from forkpoint_worker.providers import ask_model
from forkpoint_worker.replays.calls import LiveCalls
from forkpoint_worker.replays.payload import Payload
from forkpoint_worker.replays.reading import Recorded
from forkpoint_worker.replays.writing import NewRun
from forkpoint_worker.work import Work

SPEC_FIELDS = ("session", "kind", "run_id", "policy", "cut", "edits", "grants")
SPEC_MAY_HAVE = ("compared",)
BETWEEN_S = 0.1
"""Least seconds between two changes of progress that keep the state."""


@dataclass(slots=True, kw_only=True)
class Attempt:
    """A session under the fence of this job."""

    work: Work
    session: SessionRow
    held: Held
    run: NewRun
    _told: float = field(default=0.0)
    _spent: dict[str, int] = field(default_factory=lambda: {"calls": 0, "tokens": 0, "cost": 0})

    @property
    def spec(self) -> ReplaySpec:
        """What the session was asked."""
        given = self.session.spec
        names = [*SPEC_FIELDS, *(name for name in SPEC_MAY_HAVE if name in given)]
        return read_spec({name: given[name] for name in names})

    @property
    def target(self) -> Target:
        """The run it writes. All of it follows from the session, so a second attempt agrees."""
        return Target(
            run_id=self.session.new_run_id,
            session=self.session.session_id,
            executor=self.session.executor.value,
            begins_ns=self.session.created_ns,
            sender=f"forkpoint-worker/{version('forkpoint-worker')}",
        )

    def payload(self) -> Payload:
        """What reads the blocks of the project."""
        services = self.work.services
        return Payload(services.database, self.work.job.project_id, services.blobs)

    async def progress(self, step: Step) -> None:
        """Say how far it is, ten times a second at most. Raises `LeaseLost` once it is over."""
        if step.state is None and time.monotonic() - self._told < BETWEEN_S:
            return
        services = self.work.services
        async with services.database.transaction(self.work.job.project_id) as connection:
            await move(await driver(connection), self.held, step, now_ns=services.clock())
        self._told = time.monotonic()
        await self.work.live.rang(session_topic(self.session.session_id))

    async def running(self, recorded: Recorded) -> None:
        """Preparation is over."""
        total = len(recorded.recording)
        await self.progress(Step(state=SessionState.RUNNING, matched=0, total=total))

    async def baseline(self, recorded: Recorded) -> bool:
        """Whether the recording says one thing: then a fork's differences are those of its edits.

        Its blocks were read and checked before. What was found is kept with the run.
        """
        services, project = self.work.services, self.work.job.project_id
        run_id = self.session.run_id
        async with services.database.reading(project) as connection:
            if await is_proven(await driver(connection), project, run_id, [WORKER]):
                return True
        unsound = await asyncio.to_thread(first_unsound, recorded.recording)
        if unsound is not None or recorded.recording.prefix:
            return False
        await self.proven()
        return True

    async def proven(self) -> None:
        """Keep that the recording was written again and was identical."""
        services, project = self.work.services, self.work.job.project_id
        async with services.database.transaction(project) as connection:
            raw = await driver(connection)
            await prove(raw, project, self.session.run_id, WORKER, now_ns=services.clock())

    async def number_of(self, key: str | None) -> int | None:
        """The number of a step of the new run, by its key."""
        services = self.work.services
        async with services.database.reading(self.work.job.project_id) as connection:
            return await (await driver(connection)).fetchval(
                "select seq from step where run_id = $1 and key = $2 and project_id = $3",
                self.run.run_id,
                key,
                self.work.job.project_id,
            )

    async def still_held(self) -> None:
        """Return if the run may be closed as complete; raises `LeaseLost` once it is over."""
        await self.progress(Step(state=SessionState.RUNNING))

    async def ask(self, asked: Ask) -> Reply:
        """Ask a model, once for each key of the session and of those it resumes.

        Raises `ReplayError`: `live_refused`, `provider_error`, and `outcome_unknown` where an
        earlier attempt asked and never heard the answer.
        """
        services = self.work.services
        if services.redactor is None:
            raise ReplayError(
                "this worker has no key to mask an answer with", code="live_refused", key=asked.key
            )
        calls = LiveCalls(services.database, self.work.job.project_id, self.session)
        known = await calls.claim(asked.key, self.held.fence, signature=asked.signature)
        if known is not None:
            await self._spend(known)
            return known
        hosts = self.spec.policy.allow_live.hosts
        try:
            reply = await ask_model(services.providers, hosts, asked)
        except ReplayError as error:
            if error.code == "live_refused":
                await calls.forget(asked.key)
            raise
        masked = replace(reply, output=services.redactor.redact(cast("Value", reply.output)))
        await calls.answer(asked.key, masked, signature=asked.signature)
        await self._spend(masked)
        return masked

    async def _spend(self, reply: Reply) -> None:
        """Tell followers what was used so far."""
        self._spent["calls"] += 1
        self._spent["tokens"] += (reply.tokens_in or 0) + (reply.tokens_out or 0)
        self._spent["cost"] += reply.cost_micro_usd or 0
        await self.progress(Step(spend=self._spent))

    async def over(self, ended: End) -> None:
        """The end of the session, and with it of the job."""
        async with self.work.finishing() as raw:
            await end(raw, self.held, ended, now_ns=self.work.services.clock())
        await self.work.live.rang(session_topic(self.session.session_id))
