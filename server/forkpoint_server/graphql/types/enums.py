"""The enums: the closed lists of the event schema under their GraphQL names.

Types import them from here, so that they are registered before they are used.
"""

from __future__ import annotations

from enum import Enum

import strawberry
from forkpoint.events.kinds import (
    ArtifactState,
    Effect,
    Health,
    Kind,
    Mode,
    RunStatus,
    Verdict,
)

from forkpoint_server.query.runs import RunOrder
from forkpoint_server.replay.words import Executor as ReplayExecutor
from forkpoint_server.replay.words import SessionState as ReplayState

__all__ = [
    "AnswerScope",
    "ArtifactState",
    "Effect",
    "Health",
    "Kind",
    "Mode",
    "ReplayExecutor",
    "ReplayState",
    "RunOrder",
    "RunStatus",
    "TimelineAxis",
    "Verdict",
]

strawberry.enum(Kind, description="What a step is.")
strawberry.enum(RunStatus, name="Status", description="Where a run or step stands.")
strawberry.enum(Health, name="HealthFlag", description="What is wrong with a recording.")
strawberry.enum(Mode, description="How a replayed step got its answer.")
strawberry.enum(ArtifactState, description="Only CLEAN payloads can be read.")
strawberry.enum(Verdict, description="How a replay ended.")
strawberry.enum(ReplayExecutor, name="ReplayExecutor", description="Who executes a replay.")
strawberry.enum(ReplayState, name="ReplayState", description="Where a replay session stands.")
strawberry.enum(Effect, description="What calling a tool does to the world.")
strawberry.enum(RunOrder, description="Orders of runs.")


@strawberry.enum(description="What the horizontal axis of a timeline counts.")
class TimelineAxis(Enum):
    """Nanoseconds, or steps."""

    TIME = "time"
    STEPS = "steps"


@strawberry.enum(description="In which other runs an answer is looked for.")
class AnswerScope(Enum):
    """LINEAGE: those a run was forked from. PROJECT: its newest runs."""

    LINEAGE = "lineage"
    PROJECT = "project"
