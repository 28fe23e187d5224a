"""Recording: a run begins, its events come, it ends."""

from __future__ import annotations

from typing import Self, cast

import strawberry

from forkpoint_server.errors import BadRequest, NotFound
from forkpoint_server.graphql.context import Context, Info
from forkpoint_server.graphql.guards import Needs
from forkpoint_server.graphql.mutations.leased import (
    ReplayLeaseInput,
    claim_session,
    end_session,
    note_progress,
    renew_session,
)
from forkpoint_server.graphql.scalars import JSON, BigInt
from forkpoint_server.graphql.types.nodes import Run
from forkpoint_server.ingestion.batch import IngestResult, read_batch
from forkpoint_server.ingestion.runs import finish_run, start_run
from forkpoint_server.query.runs import run_by_id
from forkpoint_server.security.scopes import Scope

INGEST = Needs(Scope.INGEST)


@strawberry.input(description="The record that opens a run, and the blocks its artifacts need.")
class StartRunInput:
    """`record` is a RunStart of the event schema; `blocks` a list of block bodies."""

    record: JSON
    blocks: JSON | None = None
    replay: ReplayLeaseInput | None = None


@strawberry.input(description="Events, and the blocks that their artifacts need.")
class IngestEventsInput:
    """`events` is a list of events of the event schema; `blocks` a list of block bodies."""

    events: JSON
    blocks: JSON | None = None
    replay: ReplayLeaseInput | None = None


@strawberry.input(description="The record that closes a run, and the blocks its artifacts need.")
class FinishRunInput:
    """`record` is a RunEnd of the event schema; `blocks` a list of block bodies."""

    record: JSON
    blocks: JSON | None = None
    replay: ReplayLeaseInput | None = None


@strawberry.type(description="The run, and the blocks to send again; then nothing was stored.")
class StartRunPayload:
    """`created` is false when the run was known already."""

    run: Run | None = strawberry.field(description="null when blocks are missing")
    created: bool
    missing: list[str]


@strawberry.type(description="The run, and the blocks to send again; then nothing was stored.")
class FinishRunPayload:
    """Finishing twice is not an error."""

    run: Run
    missing: list[str]


@strawberry.type(description="An event that was not taken, and why.")
class RejectedEvent:
    """Codes are listed in the API guide; the others of the batch are kept."""

    index: int
    id: str | None = strawberry.field(description="null when no id could be derived")
    code: str
    message: str
    field: str | None = strawberry.field(description="null when the whole event is meant")


@strawberry.type(description="The highest committed seq of a run.")
class RunCursor:
    """-1 while nothing is visible."""

    run_id: strawberry.ID
    seq: BigInt


@strawberry.type(description="What became of a batch.")
class IngestEventsPayload:
    """If `missing` is not empty nothing was stored: send it again with these blocks."""

    accepted: int
    duplicates: int
    held: int
    rejected: list[RejectedEvent]
    missing: list[str]
    cursors: list[RunCursor]

    @classmethod
    def of(cls, result: IngestResult) -> Self:
        """The answer for a result."""
        return cls(
            accepted=result.accepted,
            duplicates=result.duplicates,
            held=result.held,
            rejected=[
                RejectedEvent(
                    index=event.index,
                    id=event.id,
                    code=event.code,
                    message=event.message,
                    field=event.field,
                )
                for event in result.rejected
            ],
            missing=list(result.missing),
            cursors=[
                RunCursor(run_id=strawberry.ID(run_id), seq=BigInt(seq))
                for run_id, seq in result.cursors.items()
            ],
        )


@strawberry.type
class IngestionMutation:
    """Part of the mutation type."""

    @strawberry.mutation(extensions=[INGEST])
    async def start_run(self, info: Info, input: StartRunInput) -> StartRunPayload:
        """Open a run; idempotent by its id."""
        context = info.context
        ceilings = await context.admit_batch()
        if input.replay is not None:
            await claim_session(context, input.replay, input.record)
        result = await start_run(
            context.services.database,
            context.principal,
            input.record,
            listed(input.blocks, field="blocks"),
            live=context.services.publisher(context.project_id),
            open_runs=ceilings.open_runs,
        )
        run = None if result.missing else await _run(context, result.run_id)
        return StartRunPayload(run=run, created=result.created, missing=list(result.missing))

    @strawberry.mutation(extensions=[INGEST])
    async def ingest_events(self, info: Info, input: IngestEventsInput) -> IngestEventsPayload:
        """Store events: each good one once, each bad one listed with its code."""
        context = info.context
        ceilings = await context.admit_batch()
        events = listed(input.events, field="events")
        context.take_quota(len(events))
        if input.replay is not None:
            await renew_session(context, input.replay)
        batch = await read_batch(
            events, listed(input.blocks, field="blocks"), event_bytes=ceilings.event_bytes
        )
        result = await context.services.gathering.store(
            context.principal, batch, live=context.services.publisher(context.project_id)
        )
        if input.replay is not None and result.accepted:
            await note_progress(context, input.replay)
        return IngestEventsPayload.of(result)

    @strawberry.mutation(extensions=[INGEST])
    async def finish_run(self, info: Info, input: FinishRunInput) -> FinishRunPayload:
        """Close a run; what its writers sent and did not arrive becomes gaps."""
        context = info.context
        context.services.pressure.check()
        if input.replay is not None:
            await renew_session(context, input.replay)
        result = await finish_run(
            context.services.database,
            context.principal,
            input.record,
            listed(input.blocks, field="blocks"),
            live=context.services.publisher(context.project_id),
        )
        if result.job is not None:
            await context.services.wake(result.job)
        if input.replay is not None and not result.missing:
            await end_session(context, input.replay, input.record)
        run = await _run(context, result.run_id)
        return FinishRunPayload(run=run, missing=list(result.missing))


def listed(value: object, *, field: str) -> list[object]:
    """A JSON list; None is an empty one. Raises `BadRequest` for anything else."""
    if value is None:
        return []
    if not isinstance(value, list):
        raise BadRequest(f"`{field}` must be a list", field=field)
    return cast("list[object]", value)


async def _run(context: Context, run_id: str) -> Run:
    async with context.services.database.reading(context.project_id) as connection:
        row = await run_by_id(connection, context.project_id, run_id)
    if row is None:
        raise NotFound("run")
    return Run.of(row, context)
