"""Artifacts: pointers to payload, and the payload itself behind the gate."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

import strawberry

from forkpoint_server.graphql.context import Context, Info
from forkpoint_server.graphql.scalars import BigInt
from forkpoint_server.graphql.types.enums import ArtifactState
from forkpoint_server.query.artifacts import RUN_ITSELF, ArtifactRow
from forkpoint_server.query.digests import digest_text
from forkpoint_server.security.scopes import Scope


@strawberry.type(description="A pointer from a run or step to a value or file.")
class Artifact:
    """`value`, `preview` and `items` need read:payload and a clean state."""

    role: str
    state: ArtifactState
    reason: str | None = strawberry.field(description="Why it is not CLEAN; null when it is.")
    root: str | None = strawberry.field(
        description="Digest of the value; null when it was withheld, or without read:payload."
    )
    size: BigInt
    media_type: str | None = strawberry.field(description="Of files; null for values.")
    row: strawberry.Private[ArtifactRow]

    @classmethod
    def of(cls, row: ArtifactRow, context: Context) -> Self:
        """The artifact of a row, as this caller may see it."""
        seen = context.principal.may(Scope.READ_PAYLOAD)
        return cls(
            role=row.role,
            state=row.state,
            reason=row.reason,
            root=digest_text(row.root) if seen else None,
            size=BigInt(row.size),
            media_type=row.media_type,
            row=row,
        )


@strawberry.type(description="One input part of a step.")
class Part:
    """The parts make the signature; see the event schema for their names."""

    name: str
    root: str | None = strawberry.field(
        description="Digest; null while the part is not clean, or without read:payload."
    )
    size: BigInt


async def artifacts_of(info: Info, run_id: str, step_id: str) -> list[Artifact]:
    """The artifacts of one owner, by role."""
    rows = await info.context.loaders.artifacts.load((run_id, step_id))
    return [Artifact.of(row, info.context) for row in rows]


def attached(run_id: str, role: str, root: bytes | None, context: Context) -> Artifact | None:
    """A value that a run names by its root alone; its size is not known."""
    if root is None:
        return None
    row = ArtifactRow(run_id, RUN_ITSELF, role, root, 0, ArtifactState.CLEAN, None, None)
    return Artifact.of(row, context)


def parts_of(artifacts: Sequence[Artifact]) -> list[Part]:
    """The input parts among artifacts."""
    return [
        Part(
            name=artifact.role.removeprefix("input."),
            root=artifact.root if artifact.state is ArtifactState.CLEAN else None,
            size=artifact.size,
        )
        for artifact in artifacts
        if artifact.role.startswith("input.")
    ]
