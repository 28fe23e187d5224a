"""Bulk answers: one row for many steps, each field a column."""

from __future__ import annotations

from typing import Self

import strawberry

from forkpoint_server.graphql.scalars import BigInt, Column
from forkpoint_server.query.skeleton import Skeleton
from forkpoint_server.query.timeline import Slice


@strawberry.type(description="A part of a timeline: real steps, one for each bucket of a long run.")
class TimelineSlice:
    """`start` and `end` count `unit`s from `from`; `exact`: every step of the run is there."""

    from_: BigInt = strawberry.field(name="from")
    to: BigInt
    unit: BigInt
    resolution: BigInt
    head: int
    revision: int
    exact: bool
    lane: Column = strawberry.field(description="u16. Row of the timeline.")
    start: Column = strawberry.field(description="u32. Units from `from`.")
    end: Column = strawberry.field(description="u32. Units from `from`.")
    sequence: Column = strawberry.field(description="u32. Step number.")
    size: Column = strawberry.field(description="u32. Steps that this one stands for.")
    kind: Column = strawberry.field(description="u8. Index in the enum Kind.")
    flags: Column = strawberry.field(
        description="u16. Bits: 0 error, 1 running, 2 edited, 3 diverged, 4 redacted, 5 withheld, "
        "6 filtered out, 7 gap, 8-10 mode (0 recorded, 1 exact, 2 cached, 3 simulated, 4 live), "
        "11 tainted."
    )

    @classmethod
    def of(cls, part: Slice) -> Self:
        """The slice as it goes out."""
        columns = {name: Column(text) for name, text in part.columns.items()}
        return cls(
            from_=BigInt(part.window.low),
            to=BigInt(part.window.high),
            unit=BigInt(part.window.unit),
            resolution=BigInt(part.resolution),
            head=part.extent.head,
            revision=part.extent.revision,
            exact=part.exact,
            **columns,
        )


@strawberry.type(description="65,536 steps of a run in step order, 40 bytes each.")
class SkeletonChunk:
    """A sealed chunk does not change within its revision."""

    chunk: int
    rows: int
    sealed: bool
    revision: int
    names: list[str]
    head: int
    parent: Column = strawberry.field(description="u32. Step number; 0xFFFFFFFF: none.")
    sequence: Column = strawberry.field(description="u32. Step number.")
    tokens: Column = strawberry.field(description="u32. In and out.")
    micro_usd: Column = strawberry.field(description="u32. Cost.")
    lane: Column = strawberry.field(description="u16. Row of the timeline.")
    name: Column = strawberry.field(description="u16. Index in `names`.")
    flags: Column = strawberry.field(description="u16. Bits as in TimelineSlice.flags.")
    depth: Column = strawberry.field(description="u8. Scopes around the step.")
    kind: Column = strawberry.field(description="u8. Index in the enum Kind.")
    start: Column = strawberry.field(description="i64. ns since the epoch.")
    end: Column = strawberry.field(description="i64. ns since the epoch; 0: still open.")

    @classmethod
    def of(cls, chunk: int, part: Skeleton) -> Self:
        """The chunk as it goes out."""
        columns = {name: Column(text) for name, text in part.columns.items()}
        return cls(
            chunk=chunk,
            rows=part.rows,
            sealed=part.sealed,
            revision=part.revision,
            names=list(part.names),
            head=part.head,
            **columns,
        )
