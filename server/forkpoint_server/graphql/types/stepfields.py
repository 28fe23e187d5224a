"""The plain fields of a step: what stands in its row."""

from __future__ import annotations

from typing import Self

import strawberry

from forkpoint_server.graphql.context import Context
from forkpoint_server.graphql.scalars import BigInt, big
from forkpoint_server.graphql.types.enums import Effect, Kind, RunStatus
from forkpoint_server.graphql.types.stepreplay import StepReplay, step_replay
from forkpoint_server.query.digests import digest_text
from forkpoint_server.query.runfilter import KINDS
from forkpoint_server.query.steps import StepRow
from forkpoint_server.security.scopes import Scope


@strawberry.type
class StepFields:
    """Filled from one row; times in ns, money in micro-USD."""

    id: strawberry.ID
    run_id: strawberry.ID
    step_id: strawberry.ID
    sequence: BigInt
    end_sequence: BigInt | None = strawberry.field(description="null while it runs")
    kind: Kind
    name: str
    status: RunStatus
    key: str
    strand: str
    lane: int
    depth: int
    parent_sequence: BigInt | None = strawberry.field(description="null at the top")
    start_ns: BigInt
    end_ns: BigInt | None = strawberry.field(description="null while it runs")
    duration_ns: BigInt | None = strawberry.field(description="null while it runs")
    site: str | None = strawberry.field(description="Caller's code; null when not known")
    subtype: str | None = strawberry.field(description="null when the kind says it all")
    effect: Effect | None = strawberry.field(description="Of tools; null when not declared")
    codec: str | None = strawberry.field(description="Projection of the parts; null: decorator")
    model: str | None = strawberry.field(description="Of model steps; null for others")
    error_class: str | None = strawberry.field(description="null unless it failed")
    finish_reason: str | None = strawberry.field(description="Of model steps; null if not told")
    tokens_in: int | None = strawberry.field(description="null when not counted")
    tokens_out: int | None = strawberry.field(description="null when not counted")
    cost_micro_usd: BigInt | None = strawberry.field(description="null when not known")
    attempts: int
    chunks: int | None = strawberry.field(description="null unless it was streamed")
    signature: str | None = strawberry.field(
        description="null when it could not be signed, or without read:payload"
    )
    replay: StepReplay | None = strawberry.field(description="null in recordings")
    row: strawberry.Private[StepRow]

    @classmethod
    def of(cls, row: StepRow, context: Context) -> Self:
        """The step of a row, as this caller may see it."""
        seen = context.principal.may(Scope.READ_PAYLOAD)
        return cls(
            id=strawberry.ID(f"{row.run_id}:{row.seq}"),
            run_id=strawberry.ID(row.run_id),
            step_id=strawberry.ID(row.step_id),
            sequence=BigInt(row.seq),
            end_sequence=big(row.end_seq),
            kind=KINDS[row.kind],
            name=row.name,
            status=RunStatus(row.status),
            key=row.key,
            strand=row.strand,
            lane=row.lane,
            depth=row.depth,
            parent_sequence=big(row.parent_seq),
            start_ns=BigInt(row.start_ns),
            end_ns=big(row.end_ns),
            duration_ns=big(None if row.end_ns is None else row.end_ns - row.start_ns),
            site=row.site,
            subtype=row.subtype,
            effect=Effect(row.effect) if row.effect else None,
            codec=row.codec,
            model=row.model,
            error_class=row.error_class,
            finish_reason=row.finish_reason,
            tokens_in=row.tokens_in,
            tokens_out=row.tokens_out,
            cost_micro_usd=big(row.cost_micro_usd),
            attempts=row.attempts,
            chunks=row.chunks,
            signature=digest_text(row.signature) if seen else None,
            replay=step_replay(row.replay),
            row=row,
        )
