"""The plain fields of a run: what stands in its row."""

from __future__ import annotations

from typing import Self

import orjson
import strawberry

from forkpoint_server.graphql.context import Context
from forkpoint_server.graphql.scalars import JSON, BigInt, big
from forkpoint_server.graphql.types.enums import Health, RunStatus, Verdict
from forkpoint_server.query.runs import RunRow


@strawberry.type
class RunFields:
    """Filled from one row; times in ns, money in micro-USD."""

    id: strawberry.ID
    name: str
    status: RunStatus
    health: list[Health]
    started_ns: BigInt
    ended_ns: BigInt | None = strawberry.field(description="null while it runs")
    duration_ns: BigInt | None = strawberry.field(description="null while it runs")
    step_count: int
    error_count: int
    gap_count: int
    head: BigInt = strawberry.field(description="Last seq, -1 when empty.")
    tokens_in: BigInt | None = strawberry.field(description="null when no step counted any")
    tokens_out: BigInt | None = strawberry.field(description="null when no step counted any")
    cost_micro_usd: BigInt | None = strawberry.field(description="null when not known")
    ordering: str
    identity: str
    revision: int
    tags: list[str]
    code_version: str | None = strawberry.field(description="null when the sender did not say")
    sdk: str | None = strawberry.field(description="null when the sender did not say")
    ruleset_id: str | None = strawberry.field(description="null: nothing was redacted")
    redaction_key_id: str | None = strawberry.field(description="null: nothing was redacted")
    content_format: str
    signature_codec: str
    error_class: str | None = strawberry.field(description="null unless it failed")
    verdict: Verdict | None = strawberry.field(description="Of replays; null for recordings")
    otel: JSON | None = strawberry.field(
        description="{traceId, service?, spanId?} of OpenTelemetry; null: it met none"
    )
    trace_url: str | None = strawberry.field(
        description="The trace in the project's own tool (setting traceUrl); null: none is known"
    )
    replay_limits: JSON | None = strawberry.field(
        description="{reasons: {code: count}, hints: {code: text}} of a derived run; else null"
    )
    row: strawberry.Private[RunRow]

    @classmethod
    def of(cls, row: RunRow, context: Context) -> Self:
        """The run of a row."""
        return cls(
            id=strawberry.ID(row.run_id),
            name=row.name,
            status=RunStatus(row.status),
            health=[Health(flag) for flag in row.health],
            started_ns=BigInt(row.started_ns),
            ended_ns=big(row.ended_ns),
            duration_ns=big(None if row.ended_ns is None else row.ended_ns - row.started_ns),
            step_count=row.step_count,
            error_count=row.error_count,
            gap_count=row.gap_count,
            head=BigInt(row.head),
            tokens_in=big(row.tokens_in),
            tokens_out=big(row.tokens_out),
            cost_micro_usd=big(row.cost_micro_usd),
            ordering=row.ordering,
            identity=row.identity,
            revision=row.revision,
            tags=list(row.tags),
            code_version=row.code_version,
            sdk=row.sdk,
            ruleset_id=row.ruleset_id,
            redaction_key_id=row.redaction_key_id,
            content_format=row.content_format,
            signature_codec=row.signature_codec,
            error_class=row.error_class,
            verdict=Verdict(row.verdict) if row.verdict else None,
            otel=JSON(orjson.Fragment(row.otel)) if row.otel else None,
            trace_url=_trace_url(row),
            replay_limits=_limits(row),
            row=row,
        )


def _trace_url(row: RunRow) -> str | None:
    """Only an http address with `{trace_id}`: it becomes a link in the cockpit."""
    address = row.trace_url
    trace_id = orjson.loads(row.otel).get("traceId") if row.otel else None
    if not address or not trace_id or not address.startswith(("https://", "http://")):
        return None
    return address.replace("{trace_id}", trace_id) if "{trace_id}" in address else None


def _limits(row: RunRow) -> JSON | None:
    if row.able is None:
        return None
    able = orjson.loads(row.able)
    return JSON({"reasons": able["reasons"], "hints": able["hints"]})
