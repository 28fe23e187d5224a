"""Verifying causes by replays: asked once, then moved on by the end of each replay.

Nothing waits and nothing is remembered but rows: the procedure of the engine is run again over
the sessions that are over, and asks for the next ones. A killed process loses nothing.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import cast

from forkpoint.diff.budget import Limits
from forkpoint.diff.counterfactual import (
    Expectations,
    Renamed,
    Root,
    renamed_of,
    renamed_rows,
    roots_of,
    starts_of,
    values_needed,
)
from forkpoint.diff.report import Comparison
from forkpoint.diff.verified import NOT_REVERTIBLE, to_json, used
from forkpoint.diff.verify import Verification, verify
from sqlalchemy.ext.asyncio import AsyncConnection

from forkpoint_server.artifacts.store import BlobStore
from forkpoint_server.db.engine import Driver, driver
from forkpoint_server.diff import attributions
from forkpoint_server.diff.arms import asked_of, known_of, left_of, roots_in
from forkpoint_server.diff.attributions import CANCELLED, FAILED, FINISHED, RUNNING, Attribution
from forkpoint_server.diff.comparisons import Comparisons
from forkpoint_server.diff.samples import KEEP, Ended, Known, sessions_of
from forkpoint_server.errors import BadRequest
from forkpoint_server.replay.plans import Asked, Planned, plan_replay
from forkpoint_server.replay.sessions import begin_sessions, cancel
from forkpoint_server.replay.words import CAUSE, WORKER_EXECUTORS, Executor

SERVED: Mapping[str, object] = {"policy": "forkpoint.policy/1", "default": {"mode": "cached"}}
"""Without a policy nothing is called: what asks something new stops its replay."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What is to be verified, and how."""

    rows: Sequence[int] | None
    """Roots by row; None for all."""
    samples: int
    applies: bool
    """Whether A is given each root's value of B as well."""
    limits: Limits
    policy: Mapping[str, object] | None
    expect: Expectations | None
    executor: Executor
    entrypoint: str | None
    arguments: Mapping[str, object] | None
    runner: str | None
    grants: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """What would be done: the attribution as it would be stored, and a replay of its keep arm."""

    made: Attribution
    roots: Sequence[Root]
    replay: Planned
    least: int
    most: int
    """Sessions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """What began: jobs that a worker may be woken for, and whether runners have work."""

    jobs: Sequence[int] = ()
    for_runners: bool = False


async def prepare(
    connection: AsyncConnection,
    comparisons: Comparisons,
    project_id: int,
    comparison: Comparison,
    wish: Wish,
    *,
    now_ns: int,
) -> Prepared:
    """Find the edits and plan. Raises `BadRequest` where nothing could be verified."""
    if not comparison.outcome.differs and wish.expect is None:
        raise BadRequest("the runs came to the same outcome: there is no cause", field="b")
    causes = [cause.row for cause in comparison.causes]
    rows = [row for row in causes if wish.rows is None or row in wish.rows]
    renamed = renamed_rows(comparison) if wish.executor in WORKER_EXECUTORS else []
    needed = values_needed(comparison, [*rows, *renamed])
    load = await comparisons.values(connection, project_id, needed)
    found = [root for root in roots_of(comparison, load) if root.row in rows]
    roots = [root if wish.applies else replace(root, applies=()) for root in found]
    usable = [root for root in roots if root.edits]
    if not usable:
        raise BadRequest("none of these roots can be reverted", code=NOT_REVERTIBLE, field="rows")
    applied = sum(bool(root.applies) for root in usable)
    pairs = renamed_of(comparison, load) if renamed else []
    made = _made(project_id, comparison, wish, roots, pairs, now_ns=now_ns)
    planned = await plan_replay(
        await driver(connection), project_id, asked_of(made, KEEP, wish.limits)
    )
    return Prepared(
        made=made,
        roots=roots,
        replay=planned,
        least=4 + len(usable) + applied,
        most=min(wish.limits.sessions, 2 + wish.samples * (2 + len(usable) + applied)),
    )


def _made(
    project_id: int,
    comparison: Comparison,
    wish: Wish,
    roots: Sequence[Root],
    renamed: Sequence[Renamed],
    *,
    now_ns: int,
) -> Attribution:
    a, b = comparison.a, comparison.b
    spec: dict[str, object] = {
        "roots": [
            {
                "row": root.row,
                "key": root.key,
                "name": root.name,
                "edits": list(root.edits),
                "applies": list(root.applies),
                "call": None if root.call is None else list(root.call),
            }
            for root in roots
        ],
        "renamed": [asdict(each) for each in renamed],
        "causes": [cause.row for cause in comparison.causes],
        "starts": list(starts_of(comparison, renamed=[each.row for each in renamed])),
        "ends": [[a.status, a.output], [b.status, b.output]],
        "samples": wish.samples,
        "limits": asdict(wish.limits),
        "policy": wish.policy or SERVED,
        "expect": wish.expect,
        "executor": wish.executor.value,
        "entrypoint": wish.entrypoint,
        "arguments": wish.arguments,
        "runner": wish.runner,
        "grants": list(wish.grants),
    }
    return Attribution(
        project_id=project_id,
        attribution_id=str(uuid.uuid4()),
        a=uuid.UUID(a.run_id),
        b=uuid.UUID(b.run_id),
        head_a=a.head,
        head_b=b.head,
        state=RUNNING,
        reason=None,
        message=None,
        spec=spec,
        report=to_json(Verification(pending=True), roots),
        awaits=(),
        head=0,
        created_ns=now_ns,
        ended_ns=None,
    )


async def begin(
    connection: AsyncConnection, blobs: BlobStore | None, prepared: Prepared, *, now_ns: int
) -> Moved:
    """Store it and start its first replay. Raises `BadRequest` with the code of a refusal."""
    if prepared.replay.refusals:
        first = prepared.replay.refusals[0]
        raise BadRequest(first.message, code=first.code, field=first.field)
    made = prepared.made
    await attributions.insert(await driver(connection), made)
    moved = await advance(connection, blobs, made.project_id, made.attribution_id, now_ns=now_ns)
    return moved or Moved()


async def advance(
    connection: AsyncConnection,
    blobs: BlobStore | None,
    project_id: int,
    attribution_id: str,
    *,
    now_ns: int,
) -> Moved | None:
    """Take up what the replays have shown and start the next; None if it is over or not there."""
    raw = await driver(connection)
    held = await attributions.by_id(raw, project_id, attribution_id, lock=True)
    if held is None or not held.is_open:
        return None
    ended = await sessions_of(raw, held)
    lost = next((one for one in ended if one.has_failed), None)
    if lost is not None:
        await attributions.update(
            raw, held, state=FAILED, reason=lost.reason, message=lost.message, now_ns=now_ns
        )
        await _stop(raw, held, ended, now_ns=now_ns)
        return Moved()
    known = await known_of(connection, blobs, held, ended, now_ns=now_ns)
    roots = roots_in(held)
    found = verify(
        [root.row for root in roots if root.edits],
        known,
        most_samples=cast("int", held.spec["samples"]),
        applies=[root.row for root in roots if root.edits and root.applies],
    )
    try:
        moved = await _start(raw, held, known, now_ns=now_ns)
    except BadRequest as refused:
        await attributions.update(
            raw, held, state=FAILED, reason=refused.code, message=refused.message, now_ns=now_ns
        )
        return Moved()
    awaits = [*(one.arm for one in ended if one.is_open), *(arm for arm, _ in known.wanted)]
    await attributions.update(
        raw,
        held,
        state=RUNNING if found.pending else FINISHED,
        report={**to_json(found, roots), **used(known.spent())},
        awaits=awaits if found.pending else (),
        now_ns=now_ns,
    )
    if not found.pending:
        await _stop(raw, held, ended, now_ns=now_ns)
    return moved


async def stop(
    raw: Driver, project_id: int, attribution_id: str, *, now_ns: int
) -> Attribution | None:
    """Cancel it with its open sessions; None if it is not there."""
    held = await attributions.by_id(raw, project_id, attribution_id, lock=True)
    if held is not None and held.is_open:
        await attributions.update(raw, held, state=CANCELLED, reason="cancelled", now_ns=now_ns)
        await _stop(raw, held, await sessions_of(raw, held), now_ns=now_ns)
    return await attributions.by_id(raw, project_id, attribution_id)


async def _stop(raw: Driver, held: Attribution, ended: Sequence[Ended], *, now_ns: int) -> None:
    for one in ended:
        if one.is_open:
            await cancel(raw, held.project_id, one.session_id, now_ns=now_ns)


async def _start(raw: Driver, held: Attribution, known: Known, *, now_ns: int) -> Moved:
    """Begin the sessions that are wanted; what is left of the budget is shared among them."""
    jobs: list[int] = []
    limits = left_of(held, known)
    planned: dict[str, tuple[Asked, Planned]] = {}
    for arm, number in known.wanted:
        if arm not in planned:
            asked = asked_of(held, arm, limits)
            planned[arm] = asked, await plan_replay(raw, held.project_id, asked)
        asked, plan = planned[arm]
        client_id = f"{CAUSE}{held.attribution_id}:{arm}:{number}"
        _, made = await begin_sessions(
            raw, held.project_id, asked, plan, samples=1, client_id=client_id, now_ns=now_ns
        )
        jobs += made
    host = held.spec["executor"] == Executor.HOST.value
    return Moved(jobs=jobs, for_runners=bool(known.wanted) and host)
