"""What `startReplay` takes, and how it becomes what the replay room is asked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

import strawberry

from forkpoint_server.errors import BadRequest, LimitExceeded, NotFound
from forkpoint_server.graphql.scalars import JSON, BigInt
from forkpoint_server.graphql.types.enums import ReplayExecutor
from forkpoint_server.query.digests import read_run_id
from forkpoint_server.replay.plans import Asked
from forkpoint_server.replay.sessions import MOST_SAMPLES
from forkpoint_server.security.principals import Principal

MOST_EDITS = 100
MOST_MODELS = 10
NAME_LIMIT = 256


@strawberry.input(description="Where to leave the recording: a call key or a step number.")
class ReplayCutInput:
    """Exactly one of `key` and `sequence`; `side` is before or after."""

    key: str | None = None
    sequence: BigInt | None = None
    side: str = "before"


@strawberry.input(description="What to replay, from where, with which changes, under which policy.")
class StartReplayInput:
    """`edits` and `policy` are those of the replay guide; without an executor the best is taken."""

    run_id: strawberry.ID
    cut: ReplayCutInput | None = None
    edits: JSON | None = None
    policy: JSON | None = None
    executor: ReplayExecutor | None = None
    samples: int = 1
    models: list[str] | None = None
    resumes: strawberry.ID | None = None
    runner: str | None = None
    entrypoint: str | None = None
    arguments: JSON | None = None
    client_id: str | None = None
    dry_run: bool = False

    def read(self, principal: Principal) -> Asked:
        """What the replay room is asked; raises `BadRequest` and `NotFound`."""
        run_id = read_run_id(self.run_id)
        if run_id is None:
            raise NotFound("run")
        if not 1 <= self.samples <= MOST_SAMPLES:
            raise LimitExceeded("samples", MOST_SAMPLES)
        for name in ("runner", "entrypoint", "client_id"):
            check_name(getattr(self, name), name)
        return Asked(
            run_id=run_id,
            cut=None if self.cut is None else _cut(self.cut),
            edits=_listed(self.edits, "edits", MOST_EDITS),
            policy=read_object(self.policy, "policy"),
            executor=self.executor,
            runner=self.runner,
            entrypoint=self.entrypoint,
            arguments=read_object(self.arguments, "arguments"),
            models=[str(each) for each in _listed(self.models, "models", MOST_MODELS)],
            resumes=_session_id(self.resumes),
            grants=[scope.value for scope in sorted(principal.scopes)],
        )


def _cut(cut: ReplayCutInput) -> dict[str, object]:
    if (cut.key is None) == (cut.sequence is None):
        raise BadRequest(
            "a cut names a key or a sequence, one of them", code="cut_invalid", field="cut"
        )
    if cut.side not in ("before", "after"):
        raise BadRequest("a cut is before or after a step", code="cut_invalid", field="cut.side")
    place = {"key": cut.key} if cut.key is not None else {"sequence": cut.sequence}
    return {**place, "side": cut.side}


def _listed(value: object, field: str, most: int) -> list[object]:
    if value is None:
        return []
    if not isinstance(value, list):
        raise BadRequest(f"`{field}` must be a list", field=field)
    listed = cast("list[object]", value)
    if len(listed) > most:
        raise LimitExceeded(field, most)
    return listed


def read_object(value: object, field: str) -> Mapping[str, object] | None:
    """A JSON object of an input; raises `BadRequest` naming the field."""
    if value is None:
        return None
    if not isinstance(value, dict):
        raise BadRequest(f"`{field}` must be an object", field=field)
    return cast("Mapping[str, object]", value)


def _session_id(text: str | None) -> str | None:
    if text is None:
        return None
    session_id = read_run_id(text)
    if session_id is None:
        raise NotFound("replay session")
    return session_id


def check_name(text: str | None, field: str) -> None:
    """Raise `BadRequest` for a name that is none."""
    if text is not None and not (1 <= len(text) <= NAME_LIMIT and text.isprintable()):
        raise BadRequest(f"`{field}` must have 1 to {NAME_LIMIT} characters", field=field)
