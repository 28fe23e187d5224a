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
from forkpoint_server.db.engine import driver
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

    def _runs(self, asked: Seek, lineage: Sequence[str]) -> Sequence[str] | None:
        """Where to look; None: in all of the project."""
        compared = self._attempt.spec.compared
        near = [] if compared is None else [compared]
        if not asked.harmless:
            return near
        return [*near, *lineage] if asked.scope == "lineage" else None

    async def _row(self, asked: Seek) -> Cached | None:
        attempt = self._attempt
        project, run = attempt.work.job.project_id, attempt.session.run_id
        clock = attempt.work.services.clock
        async with attempt.work.services.database.reading(project) as connection:
            raw = await driver(connection)
            if self._lineage is None:
                self._lineage = await lineage_of(raw, project, run)
            runs = self._runs(asked, self._lineage)
            if runs is not None and not runs:
                return None
            found = await find_answers(
                raw,
                project,
                runs=runs,
                without=run,
                kind=_KINDS.index(asked.kind),
                name=asked.name,
                signature=digest_from_text(asked.signature),
                not_before_ns=0 if asked.ttl_s is None else clock() - int(asked.ttl_s * 1e9),
                errors=asked.allow_errors,
                given=self._given,
            )
        return found[0] if found else None
