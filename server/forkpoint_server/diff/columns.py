"""The columns of a run as the diff engine wants them: two statements a run, whatever its length.

Postgres packs the columns: digests and numbers of all steps come behind each other in one value
each, so that no object is made of any of them here.
"""

from __future__ import annotations

import asyncio
import sys
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

import numpy as np
from forkpoint.content import digest_text
from forkpoint.diff.columns import RunColumns
from forkpoint.diff.growing import grown
from forkpoint.diff.sketch import NO_SKETCH
from forkpoint.diff.table import (
    ABSENT,
    DIGEST,
    NOTHING,
    Coded,
    Payloads,
    StepTable,
    column,
    table_of,
)
from forkpoint.events.kinds import Kind
from sqlalchemy import RowMapping, TextClause, text
from sqlalchemy.ext.asyncio import AsyncConnection

from forkpoint_server.db.whole import Whole, rows_of, whole_of
from forkpoint_server.errors import NotFound

RUN = UUID(int=0)
"""The step id under which artifacts of the run itself stand."""
_KINDS: list[str | None] = [kind.value for kind in Kind]
_OF_RUN, _LOST = -1, -2
"""In the place of the step of an artifact that is the run's own, or of a step that is not there."""
_UUID = 16
_SELECT_RUN = text("""
    select run_id, head, status, finished, content_format, signature_codec, redaction_key_id,
           parent_run_id
    from run
    where run_id = :run and project_id = :project
""")
_STEPS = """
    select
      string_agg(uuid_send(step_id), '') as step_id,
      string_agg(int8send(seq), '') as seq,
      array_agg(key) as key,
      string_agg(int4send(kind), '') as kind,
      array_agg(name) as name,
      array_agg(status) as status,
      string_agg(coalesce(signature, :absent), '') as signature,
      string_agg(coalesce(delta, :absent), '') as delta,
      string_agg(coalesce(sketch, :unsketched), '') as sketch,
      array_agg(model) as model,
      array_agg(site) as site,
      string_agg(int8send(start_ns), '') as start_ns,
      string_agg(int8send(coalesce(end_ns, :nothing)), '') as end_ns,
      string_agg(int8send(coalesce(tokens_in, :nothing)), '') as tokens_in,
      string_agg(int8send(coalesce(tokens_out, :nothing)), '') as tokens_out,
      string_agg(int8send(coalesce(cost_micro_usd, :nothing)), '') as cost_micro_usd,
      array_agg(replay ->> 'mode') as mode,
      array_agg((replay ->> 'edit') is not null) as edited,
      array_agg(replay -> 'source' ->> 'run') as source_run,
      array_agg(replay -> 'source' ->> 'key') as source_key,
      count(replay) as replayed
    from (
      select *
      from {steps} as step
      where run_id = :run {where}
      order by seq
    ) as step
"""
_ARTIFACTS = """
    select
      string_agg(uuid_send(step_id), '') filter (where {readable}) as owner,
      array_agg(role) filter (where {readable}) as role,
      string_agg(root, '') filter (where {readable}) as root,
      string_agg(uuid_send(step_id), '') filter (where state <> 'clean') as unreadable
    from {artifacts} as artifact
    where run_id = :run {where} and (role like 'input.%' or role in ('output', 'error'))
""".replace("{readable}", "state = 'clean' and root is not null")
_LATER = "and (seq > :head or seq = any (:open))"
_OF_STEPS = "and step_id = any (:steps)"
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
    whole = await whole_of(connection, project_id, str(run_id))
    if known is None or run["finished"]:
        steps, output = await _all_steps(connection, whole)
    else:
        steps, output = await _later_steps(connection, whole, known)
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
        steps=steps,
    )


async def _all_steps(connection: AsyncConnection, whole: Whole) -> tuple[StepTable, str | None]:
    where = {"run": UUID(whole.run_id)}
    steps = (await connection.execute(_steps(whole), where)).mappings().one()
    artifacts = (await connection.execute(_artifacts(whole), where)).mappings().one()
    return await asyncio.to_thread(_unpacked, steps, artifacts)


async def _later_steps(
    connection: AsyncConnection, whole: Whole, known: RunColumns
) -> tuple[StepTable, str | None]:
    table = known.steps if isinstance(known.steps, StepTable) else table_of(known.steps)
    seen = zip(table.seq, column(table, "status"), table.unreadable, strict=True)
    unsettled = [seq for seq, status, unreadable in seen if status == "running" or unreadable]
    run = UUID(whole.run_id)
    where = {"run": run, "head": known.head, "open": unsettled}
    steps = (await connection.execute(_steps(whole, _LATER), where)).mappings().one()
    ids = _pieces(steps["step_id"] or b"", _UUID)
    owners = [RUN, *(UUID(bytes=step_id) for step_id in ids)]
    found = await connection.execute(_artifacts(whole, _OF_STEPS), {"run": run, "steps": owners})
    later, output = await asyncio.to_thread(_unpacked, steps, found.mappings().one())
    return await asyncio.to_thread(grown, table, later), output


def _steps(whole: Whole, where: str = "") -> TextClause:
    statement = _STEPS.replace("{steps}", rows_of("step", [whole])).replace("{where}", where)
    return text(statement).bindparams(absent=ABSENT, unsketched=NO_SKETCH, nothing=NOTHING)


def _artifacts(whole: Whole, where: str = "") -> TextClause:
    artifacts = rows_of("artifact", [whole])
    return text(_ARTIFACTS.replace("{artifacts}", artifacts).replace("{where}", where))


def _unpacked(steps: RowMapping, artifacts: RowMapping) -> tuple[StepTable, str | None]:
    """The table of what both statements found, and the root of the run's own output."""
    ids = _pieces(steps["step_id"] or b"", _UUID)
    places = {step_id: at for at, step_id in enumerate(ids)}
    payloads, output = _payloads(places, artifacts)
    unreadable = bytearray(len(ids))
    for step_id in _pieces(artifacts["unreadable"] or b"", _UUID):
        if (at := places.get(step_id)) is not None:
            unreadable[at] = True
    return StepTable(
        seq=_integers(steps["seq"]),
        keys=steps["key"] or (),
        kind=Coded(_integers(steps["kind"], "i"), _KINDS),
        name=Coded.of(steps["name"] or ()),
        status=Coded.of(steps["status"] or ()),
        signature=steps["signature"] or b"",
        delta=steps["delta"] or b"",
        payloads=payloads,
        sketch=steps["sketch"] or b"",
        model=Coded.of(steps["model"] or ()),
        site=Coded.of(steps["site"] or ()),
        start_ns=_integers(steps["start_ns"]),
        end_ns=_integers(steps["end_ns"]),
        tokens_in=_integers(steps["tokens_in"]),
        tokens_out=_integers(steps["tokens_out"]),
        cost_micro_usd=_integers(steps["cost_micro_usd"]),
        mode=Coded.of(steps["mode"] or ()),
        edited=bytes(steps["edited"] or ()),
        source_run=Coded.of(steps["source_run"] or ()),
        source_key=steps["source_key"] if steps["replayed"] else (),
        unreadable=bytes(unreadable),
    ), output


def _payloads(places: Mapping[bytes, int], artifacts: RowMapping) -> tuple[Payloads, str | None]:
    """Roots that may be read, by step and role, and the one of the run's own output."""
    known = {**places, RUN.bytes: _OF_RUN}
    ids = _pieces(artifacts["owner"] or b"", _UUID)
    owners = np.array([known.get(owner, _LOST) for owner in ids], dtype=np.int32)
    roles = Coded.of(artifacts["role"] or ())
    codes = np.frombuffer(roles.codes, dtype=np.int32)
    ranks = np.argsort(np.argsort([role or "" for role in roles.values]))  # by name
    order = np.lexsort((ranks[codes] if len(codes) else codes, owners))
    digests = np.frombuffer(artifacts["root"] or b"", dtype=np.uint8).reshape(-1, DIGEST)
    of_run = np.flatnonzero(owners == _OF_RUN).tolist()
    output = next((digests[at].tobytes() for at in of_run if roles[at] == "output"), None)
    order = order[np.searchsorted(owners[order], 0) :]
    return Payloads(
        array("i", owners[order].tobytes()),
        Coded(array("i", codes[order].tobytes()), roles.values),
        digests[order].tobytes(),
    ), None if output is None else digest_text(output)


def _pieces(packed: bytes, size: int) -> list[bytes]:
    return [packed[at : at + size] for at in range(0, len(packed), size)]


def _integers(packed: bytes | None, code: str = "q") -> array[int]:
    """What Postgres sends, which is big-endian."""
    found = array(code, packed or b"")
    if sys.byteorder == "little":
        found.byteswap()
    return found
