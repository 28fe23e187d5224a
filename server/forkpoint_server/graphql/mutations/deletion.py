"""Deleting runs for good."""

from __future__ import annotations

import strawberry

from forkpoint_server.artifacts.retention import delete_runs
from forkpoint_server.db.engine import Driver, driver
from forkpoint_server.errors import LimitExceeded
from forkpoint_server.graphql.context import Context, Info
from forkpoint_server.graphql.guards import Needs
from forkpoint_server.graphql.scalars import BigInt
from forkpoint_server.graphql.types.inputs import RunFilterInput
from forkpoint_server.query.deletion import doomed_runs
from forkpoint_server.query.digests import read_run_id
from forkpoint_server.security.audit import Action, Entry, named, record
from forkpoint_server.security.scopes import Scope

MOST_RUNS = 500


@strawberry.input(
    description="Which runs to delete: all that are named and that the filter leaves."
)
class DeleteRunsInput:
    """With `dryRun` nothing is deleted and the answer says what would be."""

    run_ids: list[strawberry.ID] | None = None
    filter: RunFilterInput | None = None
    dry_run: bool = True


@strawberry.type(description="What was deleted, or would be.")
class DeleteRunsPayload:
    """At most 500 runs at a time; `more` says that others match. Running ones are left alone."""

    dry_run: bool
    runs: int
    steps: BigInt
    stored_bytes: BigInt
    run_ids: list[strawberry.ID]
    more: bool


@strawberry.type
class DeletionMutation:
    """Part of the mutation type."""

    @strawberry.mutation(extensions=[Needs(Scope.ADMIN)])
    async def delete_runs(self, info: Info, input: DeleteRunsInput) -> DeleteRunsPayload:
        """Delete finished runs with their events, steps and artifacts; there is no way back."""
        context = info.context
        named = None if input.run_ids is None else [read_run_id(text) for text in input.run_ids]
        if named is not None and len(named) > MOST_RUNS:
            raise LimitExceeded("runIds", MOST_RUNS)
        async with context.services.database.transaction(context.project_id) as connection:
            found = await doomed_runs(
                connection,
                context.project_id,
                run_ids=None if named is None else [run_id for run_id in named if run_id],
                filter=input.filter.read() if input.filter else None,
                most=MOST_RUNS + 1,
            )
            doomed = found[:MOST_RUNS]
            if not input.dry_run:
                await _delete(context, await driver(connection), [run.run_id for run in doomed])
        return DeleteRunsPayload(
            dry_run=input.dry_run,
            runs=len(doomed),
            steps=BigInt(sum(run.steps for run in doomed)),
            stored_bytes=BigInt(sum(run.stored_bytes for run in doomed)),
            run_ids=[strawberry.ID(run.run_id) for run in doomed],
            more=len(found) > MOST_RUNS,
        )


async def _delete(context: Context, raw: Driver, run_ids: list[str]) -> None:
    await delete_runs(raw, context.project_id, run_ids)
    if run_ids:
        entry = Entry(
            action=Action.RUNS_DELETED, target="runs", reason="asked", facts=named(run_ids)
        )
        await record(raw, context.principal, entry, now_ns=context.services.clock())
