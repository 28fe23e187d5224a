"""How a step of a replay came by its answer."""

from __future__ import annotations

import msgspec
import strawberry
from forkpoint.events.model import ReplayInfo

from forkpoint_server.graphql.scalars import BigInt, big
from forkpoint_server.graphql.types.enums import Mode


@strawberry.type(description="How a step of a replay came by its answer.")
class StepReplay:
    """Filled from the step's start event."""

    session: strawberry.ID
    mode: Mode
    match: str
    source_run: strawberry.ID | None = strawberry.field(description="null: served from no step")
    source_key: str | None = strawberry.field(description="null: served from no step")
    source_seq: BigInt | None = strawberry.field(description="null: served from no step")
    rule: int | None = strawberry.field(description="Index in the policy; null: its default")
    edit: int | None = strawberry.field(description="Index of the edit made here; null: none")
    executor: str
    taint: list[str]
    divergence: str | None = strawberry.field(description="null while it agrees")
    waited_ns: BigInt


def step_replay(text: str | None) -> StepReplay | None:
    """The replay part of a step from its stored JSON; None in recordings."""
    if text is None:
        return None
    info = msgspec.json.decode(text, type=ReplayInfo)
    source = info.source
    return StepReplay(
        session=strawberry.ID(info.session),
        mode=info.mode,
        match=info.match.value,
        source_run=strawberry.ID(source.run) if source else None,
        source_key=source.key if source else None,
        source_seq=big(source.seq) if source else None,
        rule=info.rule,
        edit=info.edit,
        executor=info.executor,
        taint=list(info.taint),
        divergence=info.divergence,
        waited_ns=BigInt(info.waited_ns),
    )
