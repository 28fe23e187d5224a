"""The new run of a session, written through the ordinary door of ingestion."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from forkpoint.content import Digest
from forkpoint.events.kinds import RunStatus
from forkpoint.events.model import Event, RunEnd, RunStart
from forkpoint.events.wire import to_builtins
from forkpoint_server.db.engine import Database
from forkpoint_server.errors import Conflict, NotFound, ServerError
from forkpoint_server.ingestion.batch import ingest
from forkpoint_server.ingestion.runs import finish_run, start_run
from forkpoint_server.ingestion.sharing import Share
from forkpoint_server.live.publish import Publisher
from forkpoint_server.security.principals import Principal
from forkpoint_server.security.scopes import Scope

BATCH = 1_000
"""Events of one transaction."""
Blocks = Mapping[Digest, bytes]


class NewRun:
    """Start, events and end of one run. Everything may be said again: it is known by its ids."""

    def __init__(
        self,
        database: Database,
        project_id: int,
        run_id: str,
        *,
        live: Publisher,
        clock: Callable[[], int],
    ) -> None:
        self._database = database
        self._principal = Principal(
            project_id=project_id, scopes=frozenset({Scope.INGEST}), name="worker"
        )
        self._live = live
        self._clock = clock
        self.run_id = run_id
        self.began = False

    async def start(self, record: RunStart, blocks: Blocks, *, share: Share | None = None) -> bool:
        """Open the run; whether it begins with the rows it was to share."""
        result = await start_run(
            self._database,
            self._principal,
            to_builtins(record),
            _texts(blocks),
            live=self._live,
            clock=self._clock,
            share=share,
        )
        _whole(result.missing)
        self.began = True
        return result.shares

    async def send(self, events: Sequence[Event], blocks: Blocks) -> None:
        """Store events with the blocks that are new; at most 1,000 a transaction."""
        texts = _texts(blocks)
        for at in range(0, len(events), BATCH):
            result = await ingest(
                self._database,
                self._principal,
                events=[to_builtins(event) for event in events[at : at + BATCH]],
                blocks=texts,
                live=self._live,
                clock=self._clock,
            )
            _whole(result.missing)
            for refused in result.rejected:
                raise ServerError(f"event {refused.id} of {self.run_id}: {refused.code}")

    async def finish(self, record: RunEnd, blocks: Blocks) -> None:
        """Close the run."""
        result = await finish_run(
            self._database,
            self._principal,
            to_builtins(record),
            _texts(blocks),
            live=self._live,
            clock=self._clock,
        )
        _whole(result.missing)

    async def abandon(self, status: RunStatus, *, reason: str) -> None:
        """Close a run that cannot be completed; one that never began is left alone."""
        record = RunEnd(
            run_id=self.run_id, status=status, ended_ns=self._clock(), error_class=reason
        )
        try:
            await finish_run(
                self._database,
                self._principal,
                to_builtins(record),
                live=self._live,
                clock=self._clock,
            )
        except (NotFound, Conflict):
            return  # it never began, or is over already


def _texts(blocks: Blocks) -> list[str]:
    return [body.decode() for body in blocks.values()]


def _whole(missing: Sequence[str]) -> None:
    if missing:
        raise ServerError(f"blocks are missing: {', '.join(missing[:3])}")
