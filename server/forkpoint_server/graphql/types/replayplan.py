"""What a replay would do: the answer of a dry run."""

from __future__ import annotations

from typing import Self

import strawberry
from forkpoint.replay.plan import Plan, PlanEffect, PlanGroup

from forkpoint_server.graphql.scalars import BigInt
from forkpoint_server.graphql.types.enums import Effect, Kind, Mode, ReplayExecutor
from forkpoint_server.replay.plans import Planned, Refusal


@strawberry.type(description="Where the replay leaves its recording.")
class ReplayCut:
    """`used` differs from `asked` where a provider would refuse the cut: `snapped`."""

    asked_key: str
    asked_sequence: BigInt
    used_key: str
    used_sequence: BigInt
    side: str = strawberry.field(description="before or after")
    snapped: bool


@strawberry.type(description="Recorded steps that are answered alike.")
class ReplayPlanGroup:
    """`where` is past, cut or suffix; a plain replay has a suffix only."""

    where: str
    kind: Kind
    mode: Mode
    ladder: list[str] = strawberry.field(description="Tried in order when the mode has no answer")
    rule: int | None = strawberry.field(description="Index in the policy; null: its default")
    edited: bool
    steps: int
    names: list[str] = strawberry.field(description="The most frequent step names, at most 5")

    @classmethod
    def of(cls, group: PlanGroup) -> Self:
        """The group of a plan."""
        return cls(
            where=group.where,
            kind=group.kind,
            mode=group.mode,
            ladder=list(group.ladder),
            rule=group.rule,
            edited=group.edited,
            steps=group.steps,
            names=list(group.names),
        )


@strawberry.type(description="A tool after the cut that changes the world.")
class ReplayPlanEffect:
    """`allowed`: a live call of it may happen under this policy and by this caller."""

    name: str
    effect: Effect
    mode: Mode
    steps: int
    allowed: bool

    @classmethod
    def of(cls, effect: PlanEffect) -> Self:
        """The effect of a plan."""
        return cls(
            name=effect.name,
            effect=effect.effect,
            mode=effect.mode,
            steps=effect.steps,
            allowed=effect.allowed,
        )


@strawberry.type(description="How much live calls may use; nothing unless granted.")
class ReplayBudgets:
    """The budgets of the policy."""

    calls: int
    tokens: BigInt
    cost_usd: float
    wall_s: float


@strawberry.type(description="Live calls that the recording lets expect.")
class ReplayEstimate:
    """Tokens and money as recorded for these steps."""

    calls: int
    tokens: BigInt
    cost_micro_usd: BigInt


@strawberry.type(description="Why this cannot be replayed as asked.")
class ReplayRefusal:
    """`code` is one of the replay guide, in upper case; `field` the part of the input to change."""

    code: str
    message: str
    field: str

    @classmethod
    def of(cls, refusal: Refusal) -> Self:
        """The refusal of a plan."""
        return cls(code=refusal.code.upper(), message=refusal.message, field=refusal.field)


@strawberry.type(description="An executor, and why it cannot do this.")
class ReplayChoice:
    """All executors are listed."""

    executor: ReplayExecutor
    refusal: str | None = strawberry.field(description="null when it can")


@strawberry.type(description="What a replay would do.")
class ReplayPlan:
    """With `refusals` nothing can be started."""

    executor: ReplayExecutor
    choices: list[ReplayChoice]
    kind: str = strawberry.field(description="replay or fork")
    cut: ReplayCut | None = strawberry.field(description="null for a replay without one")
    steps: int
    groups: list[ReplayPlanGroup]
    effects: list[ReplayPlanEffect] = strawberry.field(description="Writing tools after the cut")
    hosts: list[str] = strawberry.field(description="Hosts that may be contacted")
    budgets: ReplayBudgets
    estimate: ReplayEstimate
    says: list[str] = strawberry.field(description="What its result must not be taken for")
    notes: list[str] = strawberry.field(description="Soft codes known already")
    waits: str | None = strawberry.field(description="Why it would wait; null: it can begin")
    refusals: list[ReplayRefusal]

    @classmethod
    def of(cls, planned: Planned, *, is_fork: bool) -> Self:
        """The answer for a plan; where none could be made it is empty but for the refusals."""
        plan = planned.plan
        return cls(
            executor=planned.executor,
            choices=[
                ReplayChoice(executor=choice.executor, refusal=choice.refusal)
                for choice in planned.choices
            ],
            kind="fork" if is_fork else "replay",
            cut=None if plan is None else _cut(plan),
            steps=0 if plan is None else plan.steps,
            groups=[ReplayPlanGroup.of(group) for group in plan.groups] if plan else [],
            effects=[ReplayPlanEffect.of(effect) for effect in plan.effects] if plan else [],
            hosts=list(plan.hosts) if plan else [],
            budgets=_budgets(plan),
            estimate=_estimate(plan),
            says=list(planned.says),
            notes=list(plan.notes) if plan else [],
            waits=planned.waits,
            refusals=[ReplayRefusal.of(refusal) for refusal in planned.refusals],
        )


def _cut(plan: Plan) -> ReplayCut | None:
    cut = plan.cut
    if cut is None:
        return None
    return ReplayCut(
        asked_key=cut.asked_key,
        asked_sequence=BigInt(cut.asked_sequence),
        used_key=cut.used_key,
        used_sequence=BigInt(cut.used_sequence),
        side=cut.side,
        snapped=cut.snapped,
    )


def _budgets(plan: Plan | None) -> ReplayBudgets:
    if plan is None:
        return ReplayBudgets(calls=0, tokens=BigInt(0), cost_usd=0, wall_s=0)
    given = plan.budgets
    return ReplayBudgets(
        calls=given.calls,
        tokens=BigInt(given.tokens),
        cost_usd=given.cost_usd,
        wall_s=given.wall_s,
    )


def _estimate(plan: Plan | None) -> ReplayEstimate:
    if plan is None:
        return ReplayEstimate(calls=0, tokens=BigInt(0), cost_micro_usd=BigInt(0))
    found = plan.estimate
    return ReplayEstimate(
        calls=found.calls,
        tokens=BigInt(found.tokens),
        cost_micro_usd=BigInt(found.cost_micro_usd),
    )
