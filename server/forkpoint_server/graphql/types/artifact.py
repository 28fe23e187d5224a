"""Artifacts: pointers to payload, and the payload itself behind the gate."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from typing import Annotated, Self

import strawberry

from forkpoint_server.errors import NotFound, PayloadRefused
from forkpoint_server.graphql.context import Context, Info
from forkpoint_server.graphql.scalars import JSON, BigInt, big
from forkpoint_server.graphql.types.enums import ArtifactState
from forkpoint_server.query.artifacts import RUN_ITSELF, ArtifactRow
from forkpoint_server.query.digests import digest_text
from forkpoint_server.query.values import Reader
from forkpoint_server.security.scopes import Scope
from forkpoint_server.security.states import open_gate

DEFAULT_BYTES = 65_536


@strawberry.type(description="A look at a value of any size.")
class ValuePreview:
    """`text` is given for strings, `json` for everything else that is not truncated."""

    type: str = strawberry.field(
        description="object, array, string, bytes, number, boolean or null"
    )
    size: BigInt | None = strawberry.field(description="Bytes; null when it was not loaded")
    count: int = strawberry.field(description="Entries of containers, bytes of strings")
    truncated: bool
    text: str | None = strawberry.field(description="Of strings; both ends when truncated")
    json: JSON | None = strawberry.field(description="null for strings, and when truncated")


@strawberry.type(description="Some entries of a list or object.")
class ValueItems:
    """Entries over 64 KiB stand as {"$truncated": true, "size"}."""

    total: int
    keys: list[str] | None = strawberry.field(description="Of objects; null for lists")
    values: JSON


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

    @strawberry.field(description="The value at a JSON pointer; null with an error if refused.")
    async def value(
        self, info: Info, pointer: str = "", max_bytes: int = DEFAULT_BYTES
    ) -> JSON | None:
        """Whole; LIMIT_EXCEEDED if it is over `maxBytes`."""
        async with self._open(info) as (reader, root):
            return JSON(await reader.value(root, pointer, most=max_bytes))

    @strawberry.field(description="A look at the value at a JSON pointer, whatever its size.")
    async def preview(
        self, info: Info, pointer: str = "", max_bytes: int = DEFAULT_BYTES
    ) -> ValuePreview:
        """Strings are cut to both ends, containers are left out."""
        async with self._open(info) as (reader, root):
            seen = await reader.preview(root, pointer, most=max_bytes)
        return ValuePreview(
            type=seen.type,
            size=big(seen.size),
            count=seen.count,
            truncated=seen.truncated,
            text=seen.text,
            json=None if seen.json is None else JSON(seen.json),
        )

    @strawberry.field(description="Entries of a list or object, without loading the others.")
    async def items(
        self,
        info: Info,
        pointer: str = "",
        from_: Annotated[int, strawberry.argument(name="from")] = 0,
        first: int = 200,
    ) -> ValueItems:
        """Entries [from, from + first) in stored order."""
        async with self._open(info) as (reader, root):
            found = await reader.items(root, pointer, start=from_, first=first)
        return ValueItems(
            total=found.total,
            keys=None if found.keys is None else list(found.keys),
            values=JSON(found.values),
        )

    @asynccontextmanager
    async def _open(self, info: Info) -> AsyncGenerator[tuple[Reader, bytes]]:
        """The reader behind the gate, and the root to read."""
        context = info.context
        try:
            open_gate(context.principal, self.row.state, self.row.reason)
        except PayloadRefused as refused:
            context.note_refused(f"{self.row.run_id}/{self.row.step_id}/{self.role}", refused)
            raise
        if self.row.root is None:
            raise NotFound("payload")
        async with context.services.database.reading(context.project_id) as connection:
            yield Reader(connection, context.project_id, context.services.blobs), self.row.root

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
