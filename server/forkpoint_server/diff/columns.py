"""The columns of a run as the diff engine wants them: two statements a run, whatever its length."""

from __future__ import annotations

import asyncio
import base64
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import cast
from uuid import UUID

import msgspec
from forkpoint.diff.columns import RunColumns, StepRow
from forkpoint.events.kinds import Kind
from forkpoint.events.model import ReplayInfo
from sqlalchemy import RowMapping, text
from sqlalchemy.ext.asyncio import AsyncConnection

from forkpoint_server.errors import NotFound

Payloads = defaultdict[UUID, list[tuple[str, str | None, str]]]
"""(role, root, state) of the artifacts of each step."""
_Artifacts = Iterable[tuple[UUID, str, bytes | None, str]]
RUN = UUID(int=0)
"""The step id under which artifacts of the run itself stand."""
_KINDS: list[str] = [kind.value for kind in Kind]
_SELECT_RUN = text("""
    select run_id, head, status, finished, content_format, signature_codec, redaction_key_id,
           parent_run_id
    from run
    where run_id = :run and project_id = :project
""")
_SELECT_STEPS = text("""
    select step_id, seq, key, kind, name, status, signature, delta, model, site, start_ns, end_ns,
           tokens_in, tokens_out, cost_micro_usd, sketch, replay::text as replay
    from step
    where run_id = :run
    order by seq
""")
_SELECT_ARTIFACTS = text("""
    select step_id, role, root, state
    from artifact
    where run_id = :run and (role like 'input.%' or role in ('output', 'error'))
""")


_SELECT_LATER_STEPS = text("""
    select step_id, seq, key, kind, name, status, signature, delta, model, site, start_ns, end_ns,
           tokens_in, tokens_out, cost_micro_usd, sketch, replay::text as replay
    from step
    where run_id = :run and (seq > :head or seq = any (:open))
    order by seq
""")
_SELECT_LATER_ARTIFACTS = text("""
    select step_id, role, root, state
    from artifact
    where run_id = :run and step_id = any (:steps)
      and (role like 'input.%' or role in ('output', 'error'))
""")
_SELECT_STANDING = text("""
    select run_id, head, finished
    from run
    where run_id = any (:runs) and project_id = :project
""")


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How far a run has grown: what tells whether a kept comparison is still of it."""

    head: int
    sealed: bool


async def standings(
    connection: AsyncConnection, project_id: int, run_ids: Sequence[UUID]
) -> dict[UUID, Standing]:
    """Where runs stand, without their steps; those that are not there are left out."""
    where = {"runs": list(run_ids), "project": project_id}
    rows = (await connection.execute(_SELECT_STANDING, where)).mappings()
    return {row["run_id"]: Standing(head=row["head"], sealed=row["finished"]) for row in rows}


async def load_columns(
    connection: AsyncConnection,
    project_id: int,
    run_id: UUID,
    *,
    known: RunColumns | None = None,
) -> RunColumns:
    """Read one side. Raises `NotFound` for a run that is absent or another project's.

    Of a run that still grows only what came after `known` is read, and steps that were not over
    or not readable then. Uses the primary keys of `run`, `step` and `artifact` and
    `step_run_id_seq_key`, all led by `run_id`.
    """
    where = {"run": run_id, "project": project_id}
    run = (await connection.execute(_SELECT_RUN, where)).mappings().one_or_none()
    if run is None:
        raise NotFound("run")
    if known is None or run["finished"]:
        rows, payloads = await _all_steps(connection, run_id)
    else:
        rows, payloads = await _later_steps(connection, run_id, known)
    output = next((root for role, root, _ in payloads[RUN] if role == "output"), None)
    return RunColumns(
        run_id=str(run["run_id"]),
        head=run["head"],
        status=run["status"],
        sealed=run["finished"],
        content_format=run["content_format"],
        signature_codec=run["signature_codec"],
        redaction_key_id=run["redaction_key_id"],
        parent_run=str(run["parent_run_id"]) if run["parent_run_id"] else None,
        output=output,
        steps=rows,
    )


async def _all_steps(connection: AsyncConnection, run_id: UUID) -> tuple[list[StepRow], Payloads]:
    steps = (await connection.execute(_SELECT_STEPS, {"run": run_id})).mappings().all()
    artifacts = (await connection.execute(_SELECT_ARTIFACTS, {"run": run_id})).all()
    payloads = _by_step(artifacts)
    return await asyncio.to_thread(_rows, steps, payloads), payloads


async def _later_steps(
    connection: AsyncConnection, run_id: UUID, known: RunColumns
) -> tuple[list[StepRow], Payloads]:
    unsettled = [s.seq for s in known.steps if s.status == "running" or s.unreadable]
    where = {"run": run_id, "head": known.head, "open": unsettled}
    steps = (await connection.execute(_SELECT_LATER_STEPS, where)).mappings().all()
    owners = [RUN, *(row["step_id"] for row in steps)]
    found = await connection.execute(_SELECT_LATER_ARTIFACTS, {"run": run_id, "steps": owners})
    payloads = _by_step(found.all())
    read = {row.seq: row for row in await asyncio.to_thread(_rows, steps, payloads)}
    kept = [read.pop(step.seq, step) for step in known.steps]
    return [*kept, *read.values()], payloads


def _by_step(artifacts: object) -> Payloads:
    payloads: Payloads = defaultdict(list)
    # rows are tuples; their type says less
    for step_id, role, root, state in cast("_Artifacts", artifacts):
        payloads[step_id].append((role, _digest(root), state))
    return payloads


def _rows(steps: Sequence[RowMapping], payloads: Payloads) -> list[StepRow]:
    return [_step(row, payloads.get(row["step_id"], ())) for row in steps]


def _step(row: RowMapping, payloads: Sequence[tuple[str, str | None, str]]) -> StepRow:
    roots = {role: root for role, root, state in payloads if root and state == "clean"}
    replay = _read_replay(row["replay"])
    source = None if replay is None else replay.source
    return StepRow(
        seq=row["seq"],
        key=row["key"],
        kind=_KINDS[int(row["kind"])],
        name=row["name"],
        status=row["status"],
        signature=_digest(row["signature"]),
        delta=_digest(row["delta"]),
        sketch=row["sketch"],
        parts={
            role.removeprefix("input."): root
            for role, root in roots.items()
            if role.startswith("input.")
        },
        output=roots.get("output"),
        error=roots.get("error"),
        model=row["model"],
        site=row["site"],
        start_ns=row["start_ns"],
        end_ns=row["end_ns"],
        tokens_in=row["tokens_in"],
        tokens_out=row["tokens_out"],
        cost_micro_usd=row["cost_micro_usd"],
        mode=None if replay is None else replay.mode.value,
        edited=replay is not None and replay.edit is not None,
        source_run=source.run if source else None,
        source_key=source.key if source else None,
        unreadable=any(state != "clean" for _, _, state in payloads),
    )


def _read_replay(text: str | None) -> ReplayInfo | None:
    return None if text is None else msgspec.json.decode(text, type=ReplayInfo)


def _digest(digest: bytes | None) -> str | None:
    if digest is None:
        return None
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
