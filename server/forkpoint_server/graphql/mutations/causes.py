"""Having causes verified by replays, and stopping that."""

from __future__ import annotations

import strawberry
from forkpoint.diff.budget import Limits
from forkpoint.diff.verify import SAMPLES

from forkpoint_server.db.engine import driver
from forkpoint_server.diff import attributions
from forkpoint_server.diff.verification import Moved, Wish, begin, prepare, stop
from forkpoint_server.errors import BadRequest, LimitExceeded, NotFound
from forkpoint_server.graphql.comparing import read_pair
from forkpoint_server.graphql.context import Context, Info
from forkpoint_server.graphql.guards import Needs
from forkpoint_server.graphql.mutations.replay import note_grants
from forkpoint_server.graphql.scalars import JSON, BigInt
from forkpoint_server.graphql.types.attribution import Attribution, VerifyPlan
from forkpoint_server.graphql.types.enums import ReplayExecutor
from forkpoint_server.graphql.types.replayinputs import check_name, read_object
from forkpoint_server.live.topics import attribution_topic, runners_topic
from forkpoint_server.query.digests import read_run_id
from forkpoint_server.replay.plans import Asked
from forkpoint_server.replay.words import Executor
from forkpoint_server.security.scopes import Scope

MOST_SAMPLES = 100
MOST_SESSIONS = 1_000
LEAST_SESSIONS = 3
MOST_ROOTS = 50


@strawberry.input(description="What all replays together may use; the policy still says how.")
class VerifyBudgetInput:
    """Each replay gets what the ones before it have left."""

    sessions: int = 200
    calls: int | None = None
    tokens: BigInt | None = None
    cost_usd: float | None = None
    wall_s: int | None = None

    def read(self) -> Limits:
        """The limits of the diff room; raises `BadRequest`."""
        if not LEAST_SESSIONS <= self.sessions <= MOST_SESSIONS:
            raise LimitExceeded("sessions", MOST_SESSIONS)
        if any(
            given is not None and given < 0
            for given in (self.calls, self.tokens, self.cost_usd, self.wall_s)
        ):
            raise BadRequest("a budget is not negative", field="budget")
        cost = None if self.cost_usd is None else round(self.cost_usd * 1e6)
        return Limits(
            sessions=self.sessions,
            calls=self.calls,
            tokens=self.tokens,
            cost_micro_usd=cost,
            wall_s=self.wall_s,
        )


@strawberry.input(description="Which differences are to be set back, and who replays the program.")
class VerifyCauseInput:
    """`rows` are roots by row, all of them by default. Needs a runner's `entrypoint`, or the
    executor LOOP where the recording is a proven loop. With `expect` (JSON pointer into the output
    -> value) an outcome is good or bad by it. With `apply` A is also replayed with each root set
    to B's value, to see how often B's outcome comes.
    """

    a: strawberry.ID
    b: strawberry.ID
    rows: list[int] | None = None
    samples: int = SAMPLES[-1]
    apply: bool = False
    budget: VerifyBudgetInput | None = None
    policy: JSON | None = None
    expect: JSON | None = None
    executor: ReplayExecutor | None = None
    entrypoint: str | None = None
    arguments: JSON | None = None
    runner: str | None = None
    dry_run: bool = False

    def read(self, grants: list[str]) -> Wish:
        """What the diff room is asked; raises `BadRequest`."""
        if not 1 <= self.samples <= MOST_SAMPLES:
            raise LimitExceeded("samples", MOST_SAMPLES)
        if self.rows is not None and len(self.rows) > MOST_ROOTS:
            raise LimitExceeded("rows", MOST_ROOTS)
        for name in ("entrypoint", "runner"):
            check_name(getattr(self, name), name)
        executor = self.executor or (Executor.HOST if self.entrypoint else Executor.LOOP)
        if executor not in (Executor.HOST, Executor.LOOP):
            raise BadRequest("only HOST and LOOP run what follows a change", field="executor")
        return Wish(
            rows=self.rows,
            samples=self.samples,
            applies=self.apply,
            limits=(self.budget or VerifyBudgetInput()).read(),
            policy=read_object(self.policy, "policy"),
            expect=read_object(self.expect, "expect"),
            executor=executor,
            entrypoint=self.entrypoint,
            arguments=read_object(self.arguments, "arguments"),
            runner=self.runner,
            grants=grants,
        )


@strawberry.type(description="The plan, and the verification that follows it.")
class VerifyCausePayload:
    """With `dryRun` there is no attribution."""

    plan: VerifyPlan
    attribution: Attribution | None = strawberry.field(description="null with dryRun")


@strawberry.input(description="Which verification to stop.")
class CancelVerificationInput:
    """Cancelling one that is over changes nothing."""

    attribution: strawberry.ID


@strawberry.type(description="The verification as it is now.")
class CancelVerificationPayload:
    """What its replays have shown so far is kept."""

    attribution: Attribution


@strawberry.type
class CauseMutation:
    """Part of the mutation type."""

    @strawberry.mutation(extensions=[Needs(Scope.REPLAY), Needs(Scope.READ_PAYLOAD)])
    async def verify_cause(self, info: Info, input: VerifyCauseInput) -> VerifyCausePayload:
        """Show by replays which roots of a comparison are causes; `dryRun` only says what for."""
        context = info.context
        services, project_id = context.services, context.project_id
        wish = input.read([scope.value for scope in sorted(context.principal.scopes)])
        comparison = await services.comparisons.compare(project_id, *read_pair(input.a, input.b))
        if not (comparison.a.sealed and comparison.b.sealed):
            raise BadRequest("a run is still growing", code="unsealed", field="b")
        now_ns = services.clock()
        async with services.database.transaction(project_id) as connection:
            prepared = await prepare(
                connection, services.comparisons, project_id, comparison, wish, now_ns=now_ns
            )
            plan = VerifyPlan.of(prepared)
            if input.dry_run:
                return VerifyCausePayload(plan=plan, attribution=None)
            moved = await begin(connection, services.blobs, prepared, now_ns=now_ns)
            raw, made = await driver(connection), prepared.made.attribution_id
            row = await attributions.by_id(raw, project_id, made)
            asked = Asked(run_id=comparison.b.run_id, policy=wish.policy)
            await note_grants(context, raw, asked, prepared.replay, [made])
        await _tell(context, made, moved)
        return VerifyCausePayload(plan=plan, attribution=Attribution.of(_there(row)))

    @strawberry.mutation(extensions=[Needs(Scope.REPLAY)])
    async def cancel_verification(
        self, info: Info, input: CancelVerificationInput
    ) -> CancelVerificationPayload:
        """Stop it and the replays that run for it."""
        context = info.context
        attribution_id = read_run_id(input.attribution)
        if attribution_id is None:
            raise NotFound("attribution")
        async with context.services.database.transaction(context.project_id) as connection:
            row = await stop(
                await driver(connection),
                context.project_id,
                attribution_id,
                now_ns=context.services.clock(),
            )
        await _tell(context, attribution_id, Moved(for_runners=True))
        return CancelVerificationPayload(attribution=Attribution.of(_there(row)))


async def _tell(context: Context, attribution_id: str, moved: Moved) -> None:
    topics = [attribution_topic(attribution_id)]
    if moved.for_runners:
        topics.append(runners_topic(context.project_id))
    for job in moved.jobs:
        await context.services.wake(job)
    await context.services.publisher(context.project_id).rang(*topics)


def _there(row: attributions.Attribution | None) -> attributions.Attribution:
    if row is None:
        raise NotFound("attribution")
    return row
