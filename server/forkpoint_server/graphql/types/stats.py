"""Figures of groups of runs."""

from __future__ import annotations

from typing import Self

import strawberry

from forkpoint_server.graphql.scalars import BigInt
from forkpoint_server.query.stats import RunGroup, StatRow

__all__ = ["RunGroup", "RunStat"]

strawberry.enum(RunGroup, description="What runs are grouped by; days are UTC.")


@strawberry.type(description="Figures of one group of runs.")
class RunStat:
    """Durations are those of finished runs."""

    group: str
    runs: int
    errors: int
    steps: BigInt
    p50_ns: BigInt
    p95_ns: BigInt
    cost_micro_usd: BigInt
    tokens: BigInt

    @classmethod
    def of(cls, row: StatRow) -> Self:
        """The figures of a row."""
        return cls(
            group=row.group,
            runs=row.runs,
            errors=row.errors,
            steps=BigInt(row.steps),
            p50_ns=BigInt(row.p50_ns),
            p95_ns=BigInt(row.p95_ns),
            cost_micro_usd=BigInt(row.cost_micro_usd),
            tokens=BigInt(row.tokens),
        )
