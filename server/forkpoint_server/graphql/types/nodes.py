"""Run and Step with all that can be reached from them; in one module, because they meet in both."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager

import orjson
import strawberry
from forkpoint.events.kinds import Kind

from forkpoint_server.db.engine import driver
from forkpoint_server.errors import BadRequest, NotFound
from forkpoint_server.graphql.context import Context, Info
from forkpoint_server.graphql.guards import Needs
from forkpoint_server.graphql.scalars import BigInt
from forkpoint_server.graphql.types.artifact import Artifact, Part, artifacts_of, attached, parts_of
from forkpoint_server.graphql.types.connection import Connection, connection_parts
from forkpoint_server.graphql.types.event import EventNode, event_connection
from forkpoint_server.graphql.types.forktree import ForkTreeNode, tree_connection
from forkpoint_server.graphql.types.inputs import StepFilterInput
from forkpoint_server.graphql.types.replay import ReplaySessionFields
from forkpoint_server.graphql.types.replayable import ReplayableRun
from forkpoint_server.graphql.types.stepfields import StepFields
from forkpoint_server.query import children, runs, steps
from forkpoint_server.query.artifacts import RUN_ITSELF
from forkpoint_server.query.pages import Page, check_first, make_page, read_cursor
from forkpoint_server.query.provenance import Edge
from forkpoint_server.query.runfilter import KINDS, RunFilter
from forkpoint_server.query.sources import Flows
from forkpoint_server.replay.rows import count_sessions, sessions_of
from forkpoint_server.security.scopes import Scope

META = Needs(Scope.READ_META)
PAYLOAD = Needs(Scope.READ_PAYLOAD)


@strawberry.type(description="One captured call of a run. Its number is `sequence`.")
class Step(StepFields):
    """A step and its neighbours."""

    @strawberry.field(extensions=[META])
    async def run(self, info: Info) -> Run:
        """The run it belongs to."""
        row = await info.context.loaders.runs.load(self.row.run_id)
        if row is None:
            raise NotFound("run")
        return Run.of(row, info.context)

    @strawberry.field(extensions=[META], description="null at the top, or when it was lost")
    async def parent(self, info: Info) -> Step | None:
        """The step in whose scope it was called."""
        if self.row.parent_seq is None:
            return None
        row = await info.context.loaders.steps.load((self.row.run_id, self.row.parent_seq))
        return Step.of(row, info.context) if row else None

    @strawberry.field(extensions=[META])
    async def children(
        self, info: Info, first: int = 50, after: str | None = None
    ) -> Connection[Step]:
        """Steps directly below, by number."""
        check_first(first)
        context, row = info.context, self.row
        start = -1 if after is None else _number_in(after)
        below = await context.loaders.children(first=first, after=start).load(
            (row.run_id, row.step_id)
        )
        page = make_page(below, first=first, after=after, key=lambda step: [step.seq])

        async def count() -> int:
            async with context.services.database.reading(context.project_id) as connection:
                return await children.count_children(
                    connection, context.project_id, row.run_id, row.step_id
                )

        return step_connection(page, context, count)

    @strawberry.field(extensions=[META])
    async def parts(self, info: Info) -> list[Part]:
        """The input parts, which make the signature."""
        return parts_of(await artifacts_of(info, self.row.run_id, self.row.step_id))

    @strawberry.field(extensions=[META])
    async def artifacts(self, info: Info) -> list[Artifact]:
        """Everything recorded with the step, by role."""
        return await artifacts_of(info, self.row.run_id, self.row.step_id)

    @strawberry.field(extensions=[META], description="null when there is none of that role")
    async def artifact(self, info: Info, role: str) -> Artifact | None:
        """One of them."""
        found = await artifacts_of(info, self.row.run_id, self.row.step_id)
        return next((artifact for artifact in found if artifact.role == role), None)

    @strawberry.field(extensions=[META], description="null when it is the first of its scope")
    async def previous_same_scope(self, info: Info) -> Step | None:
        """This scope's last model step before this one."""
        context = info.context
        async with context.services.database.reading(context.project_id) as connection:
            row = await steps.previous_same_scope(connection, context.project_id, self.row)
        return Step.of(row, context) if row else None

    @strawberry.field(extensions=[META], description="Of derived runs; null when not known")
    async def asked_by(self, info: Info) -> Step | None:
        """The model step in whose answer this tool call stands."""
        if self.row.asked_seq is None:
            return None
        row = await info.context.loaders.steps.load((self.row.run_id, self.row.asked_seq))
        return Step.of(row, info.context) if row else None

    @strawberry.field(extensions=[META], description="Of derived runs; else empty")
    async def answers(self, info: Info, first: int = 50) -> list[Step]:
        """The tool steps that this model step's answer asked for, by number."""
        check_first(first)
        context = info.context
        if KINDS[self.row.kind] is not Kind.MODEL:
            return []
        async with context.services.database.reading(context.project_id) as connection:
            rows = await steps.answers_of(connection, context.project_id, self.row, first=first)
        return [Step.of(row, context) for row in rows]

    @strawberry.field(extensions=[PAYLOAD])
    async def sources(self, info: Info, first: int = 50) -> list[SourceEdge]:
        """Earlier steps whose output appears in what is new in this input."""
        check_first(first)
        async with flows_of(info.context) as flows:
            edges = await flows.sources(self.row)
        return await source_edges(info, self.row.run_id, edges[:first])

    @strawberry.field(extensions=[PAYLOAD])
    async def used_by(self, info: Info, first: int = 50) -> list[SourceEdge]:
        """Later steps in whose input this output appears."""
        check_first(first)
        async with flows_of(info.context) as flows:
            edges = await flows.used_by(self.row)
        return await source_edges(info, self.row.run_id, edges[:first])


@strawberry.type(description="Data that went from one step to another.")
class SourceEdge:
    """`how`: block (passed on whole), value (equal value or text), text (inside a longer text)."""

    step: Step
    part: str
    pointer: str = strawberry.field(description="JSON pointer into the part")
    how: str


@strawberry.type(description="Where a replay or fork comes from.")
class RunOrigin:
    """Filled from the row of the run."""

    run_id: strawberry.ID
    session: strawberry.ID
    kind: str
    cut_key: str | None = strawberry.field(description="null for a replay without a cut")
    cut_side: str | None = strawberry.field(description="before or after; null without a cut")
    edits: Artifact | None = strawberry.field(description="null when nothing was edited")
    policy: Artifact | None = strawberry.field(description="null for the default policy")

    @strawberry.field(extensions=[META], description="null when it was deleted")
    async def run(self, info: Info) -> Run | None:
        """The recording."""
        row = await info.context.loaders.runs.load(self.run_id)
        return Run.of(row, info.context) if row else None


@strawberry.type(description="One attempt to replay a run; its result is a new run.")
class ReplaySession(ReplaySessionFields):
    """A session and the two runs of it."""

    @strawberry.field(extensions=[META], description="null when it was deleted")
    async def run(self, info: Info) -> Run | None:
        """The recording."""
        row = await info.context.loaders.runs.load(self.row.run_id)
        return Run.of(row, info.context) if row else None

    @strawberry.field(extensions=[META], description="null until it runs, and when deleted")
    async def new_run(self, info: Info) -> Run | None:
        """The run it makes."""
        row = await info.context.loaders.runs.load(self.row.new_run_id)
        return Run.of(row, info.context) if row else None


@strawberry.type(description="One execution of an agent.")
class Run(ReplayableRun):
    """A run and all that happened in it."""

    @strawberry.field(description="null for recordings")
    def origin(self, info: Info) -> RunOrigin | None:
        """Where a replay or fork comes from."""
        row = self.row
        if row.parent_run_id is None:
            return None
        context = info.context
        return RunOrigin(
            run_id=strawberry.ID(row.parent_run_id),
            session=strawberry.ID(row.session_id or ""),
            kind=row.origin_kind or "replay",
            cut_key=row.cut_key,
            cut_side=row.cut_side,
            edits=attached(row.run_id, "edits", row.edits_root, context),
            policy=attached(row.run_id, "policy", row.policy_root, context),
        )

    @strawberry.field
    def capabilities(self) -> list[str]:
        """Executors that can replay it here."""
        if self.row.able is not None:
            return list(orjson.loads(self.row.able)["can"])
        whole = self.row.finished and "incomplete" not in self.row.health
        return ["host"] if whole and self.row.identity == "recorded" else []

    @strawberry.field(extensions=[META])
    async def forks(self, info: Info, first: int = 50, after: str | None = None) -> Connection[Run]:
        """Replays and forks of this run, newest first."""
        check_first(first)
        where = RunFilter(fork_of=self.row.run_id)
        context = info.context
        if after is None:
            found = await context.loaders.forks(first=first).load(self.row.run_id)
            page = make_page(
                found, first=first, after=None, key=lambda run: [run.started_ns, run.run_id]
            )
        else:
            async with context.services.database.reading(context.project_id) as connection:
                page = await runs.runs_page(
                    connection, context.project_id, first=first, after=after, filter=where
                )
        return run_connection(page, context, where)

    @strawberry.field(extensions=[META])
    async def fork_tree(
        self, info: Info, first: int = 50, after: str | None = None
    ) -> Connection[ForkTreeNode]:
        """The recording this run goes back to, and every replay and fork of it, by generation."""
        return await tree_connection(info.context, self.row.run_id, Run.of, first, after)

    @strawberry.field(extensions=[META])
    async def replay_sessions(
        self, info: Info, first: int = 50, after: str | None = None
    ) -> Connection[ReplaySession]:
        """Attempts to replay this run, newest first."""
        check_first(first)
        return await session_connection(info.context, self.row.run_id, first=first, after=after)

    @strawberry.field(extensions=[META], description="null when no trace shows it too")
    async def mirror(self, info: Info) -> Run | None:
        """The same execution as OpenTelemetry saw it; in no list and in no figure."""
        row = await info.context.loaders.mirrors.load(self.row.run_id)
        return Run.of(row, info.context) if row else None

    @strawberry.field(extensions=[META])
    async def artifacts(self, info: Info) -> list[Artifact]:
        """What hangs on the run itself, by role."""
        return await artifacts_of(info, self.row.run_id, RUN_ITSELF)

    @strawberry.field(extensions=[META], description="null when there is none of that role")
    async def artifact(self, info: Info, role: str) -> Artifact | None:
        """One of them."""
        found = await artifacts_of(info, self.row.run_id, RUN_ITSELF)
        return next((artifact for artifact in found if artifact.role == role), None)

    @strawberry.field(extensions=[META])
    async def steps(
        self,
        info: Info,
        first: int = 50,
        after: str | None = None,
        filter: StepFilterInput | None = None,
    ) -> Connection[Step]:
        """Steps by number."""
        context, run_id = info.context, self.row.run_id
        where = filter.read() if filter else None
        async with context.services.database.reading(context.project_id) as connection:
            page = await steps.steps_page(
                connection, context.project_id, run_id, first=first, after=after, filter=where
            )

        async def count() -> int:
            async with context.services.database.reading(context.project_id) as connection:
                return await steps.count_steps(connection, context.project_id, run_id, where)

        return step_connection(page, context, count)

    @strawberry.field(extensions=[META], description="null when there is no such step")
    async def step(
        self, info: Info, sequence: BigInt | None = None, key: str | None = None
    ) -> Step | None:
        """One step, by its number or by its call key."""
        if (sequence is None) == (key is None):
            raise BadRequest("give either `sequence` or `key`", field="sequence")
        if sequence is not None:
            row = await info.context.loaders.steps.load((self.row.run_id, sequence))
        else:
            context = info.context
            async with context.services.database.reading(context.project_id) as connection:
                row = await steps.step_by_key(
                    connection, context.project_id, self.row.run_id, key or ""
                )
        return Step.of(row, info.context) if row else None

    @strawberry.field(extensions=[META], description="null while the run has no step")
    async def opening_step(self, info: Info) -> Step | None:
        """First divergence, else first error, else the last step."""
        if self.row.opening_seq is None:
            return None
        row = await info.context.loaders.steps.load((self.row.run_id, self.row.opening_seq))
        return Step.of(row, info.context) if row else None

    @strawberry.field(extensions=[PAYLOAD])
    async def events(
        self, info: Info, first: int = 50, after: str | None = None
    ) -> Connection[EventNode]:
        """Events as they were received, by seq."""
        return await event_connection(info, self.row, first=first, after=after)


async def source_edges(info: Info, run_id: str, edges: Sequence[Edge]) -> list[SourceEdge]:
    """Edges with their steps, loaded at once."""
    rows = await info.context.loaders.steps.load_many([(run_id, edge.seq) for edge in edges])
    return [
        SourceEdge(
            step=Step.of(row, info.context), part=edge.part, pointer=edge.pointer, how=edge.how
        )
        for row, edge in zip(rows, edges, strict=True)
        if row
    ]


@asynccontextmanager
async def flows_of(context: Context) -> AsyncGenerator[Flows]:
    """Data flow questions in one transaction."""
    async with context.services.database.reading(context.project_id) as connection:
        yield Flows(connection, context.project_id, context.services.blobs)


def step_connection(
    page: Page[steps.StepRow], context: Context, count: Callable[[], Awaitable[int]]
) -> Connection[Step]:
    """A connection of steps."""
    edges, nodes, page_info = connection_parts(page, lambda row: Step.of(row, context))
    return Connection(edges=edges, nodes=nodes, page_info=page_info, count=count)


async def session_connection(
    context: Context, run_id: str, *, first: int, after: str | None
) -> Connection[ReplaySession]:
    """A page of the sessions of one recording."""
    project_id = context.project_id
    start: tuple[int, str] | None = None
    if after is not None:
        created_ns, session_id = read_cursor(after, int, str)
        start = (int(str(created_ns)), str(session_id))
    async with context.services.database.reading(project_id) as connection:
        raw = await driver(connection)
        found = await sessions_of(raw, project_id, run_id, first=first, after=start)
    page = make_page(
        found, first=first, after=after, key=lambda row: [row.created_ns, row.session_id]
    )
    edges, nodes, page_info = connection_parts(page, ReplaySession.of)

    async def count() -> int:
        async with context.services.database.reading(project_id) as connection:
            return await count_sessions(await driver(connection), project_id, run_id)

    return Connection(edges=edges, nodes=nodes, page_info=page_info, count=count)


def run_connection(
    page: Page[runs.RunRow], context: Context, where: RunFilter | None
) -> Connection[Run]:
    """A connection of runs, counted under the same filter."""

    async def count() -> int:
        async with context.services.database.reading(context.project_id) as connection:
            return await runs.count_runs(connection, context.project_id, where)

    edges, nodes, page_info = connection_parts(page, lambda row: Run.of(row, context))
    return Connection(edges=edges, nodes=nodes, page_info=page_info, count=count)


def _number_in(cursor: str) -> int:
    number = read_cursor(cursor, int)[0]
    return number if isinstance(number, int) else -1
