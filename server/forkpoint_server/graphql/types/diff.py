"""Comparisons of two runs as GraphQL types: the report, and its rows in pages."""

from __future__ import annotations

import base64
import sys
from array import array
from collections.abc import Sequence
from typing import Annotated
from uuid import UUID

import strawberry
from forkpoint.diff.columns import RunColumns, StepRow
from forkpoint.diff.lanes import HOWS
from forkpoint.diff.report import Comparison, to_report
from forkpoint.diff.rows import CLASSES, SUBS, Row
from forkpoint.diff.verified import with_verification
from forkpoint.diff.written import to_markdown, to_page

from forkpoint_server.db.engine import driver
from forkpoint_server.diff import attributions
from forkpoint_server.diff.replayed import replays_of
from forkpoint_server.diff.stored import Asked
from forkpoint_server.errors import NotFound
from forkpoint_server.graphql.context import Context, Info
from forkpoint_server.graphql.guards import Needs
from forkpoint_server.graphql.scalars import JSON, BigInt, Column
from forkpoint_server.graphql.types.attribution import Attribution
from forkpoint_server.graphql.types.connection import Connection, connection_parts
from forkpoint_server.graphql.types.nodes import Run, Step
from forkpoint_server.query.pages import check_first, make_page, read_cursor
from forkpoint_server.security.scopes import Scope

MOST_PAIRS = 65_536
META = Needs(Scope.READ_META)
PAYLOAD = Needs(Scope.READ_PAYLOAD)


@strawberry.type(description="One line of a comparison: a pair of steps, or a step of one side.")
class DiffRow:
    """Filled from the engine's row."""

    comparison: strawberry.Private[Comparison]
    row: strawberry.Private[Row]
    index: int
    name: str = strawberry.field(
        name="class",
        description="same, origin, intervention, propagated, absorbed, inserted, removed, "
        "integrity, or unknown for what cannot be read or is to come",
    )
    sub: str | None = strawberry.field(
        description="Finer class, e.g. sampling or external; null when there is none"
    )
    how: str = strawberry.field(description="Pass of the alignment that paired the steps")
    parts: list[str] = strawberry.field(description="Input parts that differ; out: the answer")

    @classmethod
    def of(cls, comparison: Comparison, index: int) -> DiffRow:
        """The row at an index of the comparison."""
        row = comparison.rows[index]
        return cls(
            comparison=comparison,
            row=row,
            index=index,
            name=row.name,
            sub=row.sub,
            how=row.how,
            parts=list(row.parts),
        )

    @strawberry.field(extensions=[META], description="null when the step is only in B")
    async def left(self, info: Info) -> Step | None:
        """The step of A."""
        return await _step(info.context, self.comparison.a, self.row.a)

    @strawberry.field(extensions=[META], description="null when the step is only in A")
    async def right(self, info: Info) -> Step | None:
        """The step of B."""
        return await _step(info.context, self.comparison.b, self.row.b)

    @strawberry.field(
        extensions=[PAYLOAD],
        description="What differs within the pair, computed when asked for: prompt, parts, tools, "
        "output, status, model, latency, tokens, cost, missing. Empty for a step of one side.",
    )
    async def delta(self, info: Info) -> JSON:
        """Open the pair."""
        if self.row.a is None or self.row.b is None:
            return JSON({})
        left: StepRow = self.comparison.a.steps[self.row.a]
        right: StepRow = self.comparison.b.steps[self.row.b]
        comparisons = info.context.services.comparisons
        return JSON(await comparisons.delta(info.context.project_id, left, right))


@strawberry.type(description="Rows of a comparison as columns, 15 bytes each.")
class DiffPairs:
    """Little-endian arrays, all of `rows` entries."""

    start: int
    rows: int
    total: int
    a_index: Column = strawberry.field(
        description="u32. Index of the step in A, in step order; 4294967295: only in B."
    )
    b_index: Column = strawberry.field(description="u32. The same in B.")
    how: Column = strawberry.field(description="u8. Index in `hows`; past its end: one side only.")
    class_: Column = strawberry.field(name="class", description="u8. Index in `classes`.")
    sub: Column = strawberry.field(description="u8. Index in `subs`; 0: none.")
    flags: Column = strawberry.field(description="u8. Bits: 0 partly explained, 1 equal answer.")
    parts: Column = strawberry.field(description="u16. Index in `partSets`.")
    hows: list[str]
    classes: list[str]
    subs: list[str]
    part_sets: list[list[str]]

    @classmethod
    def of(cls, comparison: Comparison, start: int, count: int) -> DiffPairs:
        """A stretch of the rows."""
        rows = comparison.rows
        part = slice(max(0, start), max(0, start) + max(0, count))
        return cls(
            start=part.start,
            rows=len(rows.name[part]),
            total=len(rows),
            a_index=_column(rows.a[part]),
            b_index=_column(rows.b[part]),
            how=_column(rows.how[part]),
            class_=_column(rows.name[part]),
            sub=_column(rows.sub[part]),
            flags=_column(rows.flags[part]),
            parts=_column(rows.part[part]),
            hows=list(HOWS),
            classes=list(CLASSES),
            subs=[name or "" for name in SUBS],
            part_sets=[list(parts) for parts in rows.part_table],
        )


def _column(values: array[int] | bytearray) -> Column:
    """Signed -1 is the largest unsigned value."""
    if isinstance(values, array) and sys.byteorder == "big":
        values.byteswap()
    return Column(
        base64.b64encode(values.tobytes() if isinstance(values, array) else values).decode()
    )


@strawberry.type(description="Two runs compared, step by step.")
class DiffReport:
    """Filled from the engine's comparison."""

    comparison: strawberry.Private[Comparison]
    verdict: str = strawberry.field(
        description="identical, different, or incomplete: all that is known is equal"
    )
    provisional: bool = strawberry.field(description="A run is still growing: ask again")
    counts: JSON = strawberry.field(description="Rows by class")

    @classmethod
    def of(cls, comparison: Comparison) -> DiffReport:
        """The report of a comparison."""
        return cls(
            comparison=comparison,
            verdict=comparison.verdict,
            provisional=not (comparison.a.sealed and comparison.b.sealed),
            counts=JSON(dict(comparison.rows.counts())),
        )

    @strawberry.field(extensions=[META])
    async def a(self, info: Info) -> Run:
        """The base."""
        return await _run(info.context, self.comparison.a)

    @strawberry.field(extensions=[META])
    async def b(self, info: Info) -> Run:
        """The other run."""
        return await _run(info.context, self.comparison.b)

    @strawberry.field(extensions=[META], description="null when nothing differs")
    def first_divergence(self) -> DiffRow | None:
        """The first row that no earlier one explains."""
        first = self.comparison.first_divergence
        return None if first is None else DiffRow.of(self.comparison, first)

    @strawberry.field(extensions=[PAYLOAD], description="Format forkpoint.diff/1")
    async def report(self, info: Info) -> JSON:
        """The whole report without its rows, with what replays have shown of these runs."""
        return JSON(await self._report(info.context))

    @strawberry.field(extensions=[PAYLOAD], description="The report as text for a pull request")
    async def markdown(self, info: Info) -> str:
        """Escaped: no markup of what was recorded."""
        return to_markdown(await self._report(info.context))

    @strawberry.field(extensions=[PAYLOAD], description="The report as one HTML file")
    async def html(self, info: Info) -> str:
        """Without scripts or anything from elsewhere."""
        return to_page(await self._report(info.context))

    async def _report(self, context: Context) -> dict[str, object]:
        report = to_report(self.comparison)
        sides = {"a": self.comparison.a, "b": self.comparison.b}
        async with context.services.database.reading(context.project_id) as connection:
            replays = await replays_of(
                connection, context.project_id, sides, blobs=context.services.blobs
            )
        if replays:
            report["replays"] = replays
        found = await _attribution(context, self.comparison)
        return report if found is None else with_verification(report, found.report)

    @strawberry.field(
        extensions=[META],
        description="The newest verification of these runs by replays; null if there is none",
    )
    async def attribution(self, info: Info) -> Attribution | None:
        """Which roots replays have shown to be causes."""
        found = await _attribution(info.context, self.comparison)
        return None if found is None else Attribution.of(found)

    @strawberry.field(
        extensions=[META], description="Rows as columns, for pages that show all of them"
    )
    def pairs(self, start: int = 0, count: int = MOST_PAIRS) -> DiffPairs:
        """Rows `start` to `start + count`, at most 65,536 at a time."""
        return DiffPairs.of(self.comparison, start, min(count, MOST_PAIRS))

    @strawberry.field(
        extensions=[META],
        description="Rows in B's order; `only` names classes, `from` the first index",
    )
    def rows(
        self,
        first: int = 50,
        after: str | None = None,
        only: list[str] | None = None,
        from_: Annotated[int, strawberry.argument(name="from")] = 0,
    ) -> Connection[DiffRow]:
        """A page of rows, so that a reader may begin anywhere."""
        check_first(first)
        start = max(from_ - 1, -1 if after is None else _index_in(after))
        wanted = _wanted(self.comparison, only)
        rest = [index for index in wanted if index > start][: first + 1]
        page = make_page(rest, first=first, after=after, key=lambda index: [index])

        async def count() -> int:
            return len(wanted)

        edges, nodes, page_info = connection_parts(
            page, lambda index: DiffRow.of(self.comparison, index)
        )
        return Connection(edges=edges, nodes=nodes, page_info=page_info, count=count)


@strawberry.type(description="Where a difference begins, by index and call keys.")
class DiffPlace:
    """Filled from a row, without its steps."""

    index: int
    name: str = strawberry.field(name="class")
    sub: str | None = strawberry.field(description="Finer class; null when there is none")
    key_a: str | None = strawberry.field(description="null when the step is only in B")
    key_b: str | None = strawberry.field(description="null when the step is only in A")

    @classmethod
    def of(cls, comparison: Comparison, index: int) -> DiffPlace:
        """The place of a row."""
        row = comparison.rows[index]
        return cls(
            index=index,
            name=row.name,
            sub=row.sub,
            key_a=None if row.a is None else comparison.a.steps[row.a].key,
            key_b=None if row.b is None else comparison.b.steps[row.b].key,
        )


@strawberry.type(
    description="A comparison whose runs grow. Rows before `fromRow` are those of the message "
    "before; from there on they are replaced, and there are `total` in all."
)
class DiffProgress:
    """Filled from the engine's comparison."""

    comparison: strawberry.Private[Comparison]
    head_a: BigInt = strawberry.field(description="seq of A up to which this is")
    head_b: BigInt = strawberry.field(description="The same of B")
    verdict: str
    provisional: bool = strawberry.field(description="false in the last message only")
    counts: JSON = strawberry.field(description="Rows by class")
    from_row: int
    total: int
    root_count: int = strawberry.field(description="Rows at which a difference begins")
    first_divergence: DiffPlace | None = strawberry.field(description="null while nothing differs")

    @classmethod
    def of(cls, comparison: Comparison, before: Comparison | None) -> DiffProgress:
        """What has changed since the message before."""
        first = comparison.first_divergence
        return cls(
            comparison=comparison,
            head_a=BigInt(comparison.a.head),
            head_b=BigInt(comparison.b.head),
            verdict=comparison.verdict,
            provisional=not (comparison.a.sealed and comparison.b.sealed),
            counts=JSON(dict(comparison.rows.counts())),
            from_row=0 if before is None else comparison.rows.common_start(before.rows),
            total=len(comparison.rows),
            root_count=len(comparison.causes),
            first_divergence=None if first is None else DiffPlace.of(comparison, first),
        )

    @strawberry.field(
        extensions=[META], description="Rows from `fromRow` on as columns, at most 65,536"
    )
    def pairs(self) -> DiffPairs:
        """What is to be replaced; read the rest of longer ones with `diff`."""
        return DiffPairs.of(self.comparison, self.from_row, MOST_PAIRS)


@strawberry.type(description="Where a comparison stands that takes longer than a reader waits.")
class DiffRequest:
    """`report` is whole when `state` is ready."""

    state: str = strawberry.field(description="ready, none, queued, running, done or failed")
    phase: str | None = strawberry.field(
        default=None, description="loading, aligning, classing or storing; null when not running"
    )
    error: str | None = strawberry.field(default=None, description="Why it failed; else null")
    report: DiffReport | None = strawberry.field(
        default=None,
        description="The comparison; null until there is one. Before `state` is ready it is a "
        "draft from digests alone: its `missing` names the explanations.",
    )

    @classmethod
    def of(cls, asked: Asked, draft: DiffReport | None) -> DiffRequest:
        """Of a job, and what it has found so far."""
        return cls(state=asked.state, phase=asked.phase, error=asked.error, report=draft)


def _wanted(comparison: Comparison, only: Sequence[str] | None) -> Sequence[int]:
    if only is None:
        return range(len(comparison.rows))
    wanted = {CLASSES.index(name) for name in only if name in CLASSES}
    return [at for at, name in enumerate(comparison.rows.name) if name in wanted]


def _index_in(cursor: str) -> int:
    index = read_cursor(cursor, int)[0]
    return index if isinstance(index, int) else -1


async def _attribution(context: Context, comparison: Comparison) -> attributions.Attribution | None:
    """The newest verification of the runs as they were compared."""
    a, b = comparison.a, comparison.b
    async with context.services.database.reading(context.project_id) as connection:
        raw = await driver(connection)
        found = await attributions.newest(raw, context.project_id, UUID(a.run_id), UUID(b.run_id))
    if found is None or (found.head_a, found.head_b) != (a.head, b.head):
        return None
    return found


async def _step(context: Context, run: RunColumns, at: int | None) -> Step | None:
    if at is None:
        return None
    row = await context.loaders.steps.load((run.run_id, run.steps[at].seq))
    return Step.of(row, context) if row else None


async def _run(context: Context, run: RunColumns) -> Run:
    row = await context.loaders.runs.load(run.run_id)
    if row is None:
        raise NotFound("run")
    return Run.of(row, context)
