"""Answers out of other runs: those a recording was forked from, or the newest of its project.

A run in which anything was simulated, live or edited feeds no other replay. The engine asks only
for calls that change nothing in the world.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import orjson
from forkpoint.content import Digest, digest_from_text
from forkpoint.events.kinds import Kind
from forkpoint.events.model import SourceRef, StepEnded
from forkpoint.events.wire import read_event
from forkpoint.replay.answers import ended_as
from forkpoint.replay.fresh import Found, Seek
from forkpoint_server.db.engine import Driver, driver
from forkpoint_server.replay.cached import Cached, find_answers, lineage_of

from forkpoint_worker.replays.attempt import Attempt

_KINDS = tuple(Kind)


class Elsewhere:
    """Looks for answers of one session; each is given once, unless it may be given again."""

    def __init__(self, attempt: Attempt) -> None:
        self._attempt = attempt
        self._lineage: list[str] | None = None
        self._given: list[str] = []

    async def find(self, asked: Seek) -> Found | None:
        """The newest answer to a call; None if there is none."""
        found = await self._row(asked)
        if found is None:
            return None
        ended = read_event(orjson.loads(found.end))
        if not isinstance(ended, StepEnded):
            return None
        roots: dict[Digest, str | None] = {
            digest_from_text(ref.root): None for ref in ended.artifacts if ref.root is not None
        }
        blocks: dict[Digest, bytes] = {}
        await self._attempt.payload().keep(roots, blocks)
        if asked.reuse == "once":
            self._given.append(found.step_id)

        def get(wanted: object) -> dict[Digest, bytes]:
            return blocks

        outcome = await asyncio.to_thread(ended_as, ended, get)
        source = SourceRef(run=found.run_id, key=found.key, seq=found.seq)
        return Found(outcome=outcome, source=source)

    async def _row(self, asked: Seek) -> Cached | None:
        project, run = self._attempt.work.job.project_id, self._attempt.session.run_id
        compared = self._attempt.spec.compared
        async with self._attempt.work.services.database.reading(project) as connection:
            raw = await driver(connection)
            if compared is not None:
                # what went wrong there is what came of that call, as at a place of its own
                found = await self._newest(raw, asked, [compared], errors=True)
                if found is not None or not asked.harmless:
                    return found
            if asked.scope == "project":
                return await self._newest(raw, asked, None, errors=asked.allow_errors)
            if self._lineage is None:
                self._lineage = await lineage_of(raw, project, run)
            if not self._lineage:
                return None
            return await self._newest(raw, asked, self._lineage, errors=asked.allow_errors)

    async def _newest(
        self, raw: Driver, asked: Seek, runs: Sequence[str] | None, *, errors: bool
    ) -> Cached | None:
        """`runs`: where to look; None: in all of the project."""
        clock = self._attempt.work.services.clock
        found = await find_answers(
            raw,
            self._attempt.work.job.project_id,
            runs=runs,
            without=self._attempt.session.run_id,
            kind=_KINDS.index(asked.kind),
            name=asked.name,
            signature=digest_from_text(asked.signature),
            not_before_ns=0 if asked.ttl_s is None else clock() - int(asked.ttl_s * 1e9),
            errors=errors,
            given=self._given if asked.reuse == "once" else (),
        )
        return found[0] if found else None
