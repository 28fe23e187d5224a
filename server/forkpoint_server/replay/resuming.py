"""Sessions that go on from another: the same replay, with what that one was waiting for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import cast

from forkpoint_server.db.engine import Driver
from forkpoint_server.errors import BadRequest, NotFound
from forkpoint_server.replay.plans import Asked
from forkpoint_server.replay.rows import SessionRow, session_by_id

_ANSWERS = frozenset({"output", "fail", "drop"})


async def resumed(raw: Driver, project_id: int, asked: Asked) -> Asked:
    """What is asked, with all that the session it resumes was asked; itself if it resumes none.

    It may name the recording, or the run that the other made, whose steps have the keys that the
    answers are for. Run, cut and executor are those of the other; its edits come first, without
    those that are answered anew; its policy holds unless another is given. Raises `NotFound`, and
    `BadRequest` if the other is not over or is a replay of something else.
    """
    if asked.resumes is None:
        return asked
    other = await session_by_id(raw, project_id, asked.resumes)
    if other is None:
        raise NotFound("replay session")
    if asked.run_id not in (other.run_id, other.new_run_id):
        raise BadRequest(f"session {asked.resumes} is a replay of another run", field="resumes")
    if other.is_open:
        raise BadRequest(f"session {asked.resumes} is not over yet", field="resumes")
    spec = other.spec
    answers = [_placed(edit, asked) for edit in asked.edits]
    models = cast("Sequence[str]", spec.get("models") or ())
    return replace(
        asked,
        run_id=other.run_id,
        cut=cast("Mapping[str, object] | None", spec.get("cut")) or _first_cut(other),
        edits=[*_kept(spec, answers), *answers],
        policy=asked.policy or cast("Mapping[str, object] | None", spec.get("policy")),
        executor=other.executor,
        runner=other.runner,
        entrypoint=other.entrypoint,
        arguments=cast("Mapping[str, object] | None", spec.get("arguments")),
        models=() if models else asked.models,
    )


def _kept(spec: Mapping[str, object], answers: Sequence[object]) -> list[object]:
    """The edits of the other session whose places are not answered anew."""
    anew = {_answered(edit) for edit in answers} - {None}
    edits = cast("Sequence[object]", spec.get("edits") or ())
    return [edit for edit in edits if _answered(edit) is None or _answered(edit) not in anew]


def _answered(edit: object) -> object:
    """The key whose answer an edit gives; None for other edits."""
    if not isinstance(edit, dict):
        return None
    fields = cast("dict[str, object]", edit)
    return fields.get("key") if fields.get("kind") in _ANSWERS else None


def _placed(edit: object, asked: Asked) -> object:
    """An edit of the step that was asked for by cut, by its key."""
    fields = cast("dict[str, object]", edit) if isinstance(edit, dict) else None
    if fields is None or asked.cut is None or "key" not in asked.cut:
        return cast("object", edit)
    return {**fields, "key": fields.get("key") or asked.cut["key"]}


def _first_cut(other: SessionRow) -> Mapping[str, object] | None:
    """The cut that the other session was planned with, where it asked for none."""
    plan = cast("Mapping[str, object]", other.plan.get("plan") or {})
    cut = cast("Mapping[str, object] | None", plan.get("cut"))
    return None if cut is None else {"key": cut["used_key"], "side": cut["side"]}
