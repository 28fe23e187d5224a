"""Causes that are verified by replays, as GraphQL types."""

from __future__ import annotations

from typing import Self

import strawberry
from forkpoint.diff.counterfactual import Root

from forkpoint_server.diff import attributions
from forkpoint_server.diff.verification import Prepared
from forkpoint_server.graphql.guards import Needs
from forkpoint_server.graphql.scalars import JSON, BigInt
from forkpoint_server.graphql.types.replayplan import ReplayPlan
from forkpoint_server.security.scopes import Scope


@strawberry.type(description="A verification of the roots of a comparison by replays.")
class Attribution:
    """Filled from its row; `n` counts its changes."""

    row: strawberry.Private[attributions.Attribution]
    id: strawberry.ID
    n: int
    state: str = strawberry.field(description="running, finished, failed or cancelled")
    reason: str | None = strawberry.field(description="Code of why it failed; else null")
    message: str | None = strawberry.field(description="The same in words; else null")
    awaits: list[str] = strawberry.field(
        description="Arms of the sessions that run now: baseline; a and b, as they are; "
        "b-ROW-ROW, with these rows set back; a-ROW, with this row given B's value"
    )
    created_ns: BigInt
    ended_ns: BigInt | None = strawberry.field(description="null while it runs")

    @classmethod
    def of(cls, row: attributions.Attribution) -> Self:
        """Of a stored one."""
        return cls(
            row=row,
            id=strawberry.ID(row.attribution_id),
            n=row.head,
            state=row.state,
            reason=None if row.reason is None else row.reason.upper(),
            message=row.message,
            awaits=list(row.awaits),
            created_ns=BigInt(row.created_ns),
            ended_ns=None if row.ended_ns is None else BigInt(row.ended_ns),
        )

    @strawberry.field(extensions=[Needs(Scope.READ_PAYLOAD)])
    def report(self) -> JSON:
        """What the replays have shown so far. Format forkpoint.verification/1."""
        return JSON(dict(self.row.report))


@strawberry.type(description="A root that would be set back to A's value.")
class VerifyRoot:
    """`edits` are the kinds of the edits that do it; none: it cannot be reverted."""

    row: int
    key: str
    name: str
    edits: list[str]

    @classmethod
    def of(cls, root: Root) -> Self:
        """Of a root."""
        kinds = list(dict.fromkeys(str(edit["kind"]) for edit in root.edits))
        return cls(row=root.row, key=root.key, name=root.name, edits=kinds)


@strawberry.type(description="What a verification would do.")
class VerifyPlan:
    """`least` and `most` are replays; `replay` is the plan of one of B with nothing set back."""

    roots: list[VerifyRoot]
    least: int
    most: int
    replay: ReplayPlan

    @classmethod
    def of(cls, prepared: Prepared) -> Self:
        """Of what was prepared."""
        return cls(
            roots=[VerifyRoot.of(root) for root in prepared.roots],
            least=prepared.least,
            most=prepared.most,
            replay=ReplayPlan.of(prepared.replay, is_fork=True),
        )
