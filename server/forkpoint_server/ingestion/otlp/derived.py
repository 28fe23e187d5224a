"""The events of a derived run in derived order, with artifacts: what replays and bundles read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from forkpoint.content import digest_text
from forkpoint.events.kinds import ArtifactState, Effect, Kind
from forkpoint.events.model import ArtifactRef, StepEnded, StepStarted
from forkpoint.events.wire import encode, read_run_start
from msgspec.structs import replace

from forkpoint_server.db.engine import Driver

_KINDS = tuple(Kind)


async def derived_events(driver: Driver, run_id: str, *, project_id: int) -> None:
    """Write the events of a run anew. Index: primary keys of `step`, `artifact`."""
    steps = await driver.fetch(
        """
        select step_id::text, seq, end_seq, parent_id::text, kind, name, key, subtype, effect,
          codec, model, start_ns, end_ns, status, error_class, finish_reason, tokens_in,
          tokens_out, cost_micro_usd, signature, delta, contended
        from step
        where run_id = $1
        order by seq
        """,
        run_id,
    )
    refs = await _refs(driver, run_id)
    seqs: list[int] = []
    bodies: list[bytes] = []
    for row in steps:
        mine = refs.get(row["step_id"], [])
        seqs.append(row["seq"])
        bodies.append(encode(_started(run_id, row, mine)))
        if row["end_seq"] is not None:
            seqs.append(row["end_seq"])
            bodies.append(encode(_ended(run_id, row, mine)))
    await driver.execute("delete from derived_event where run_id = $1", run_id)
    await driver.execute(
        """
        insert into derived_event (run_id, seq, project_id, body)
        select $1, seq, $2, body
        from unnest($3::bigint[], $4::bytea[]) as new (seq, body)
        """,
        run_id,
        project_id,
        seqs,
        bodies,
    )


async def derived_start(driver: Driver, run_id: str) -> None:
    """Write the start record of a run anew: what it is called, and how its payload was redacted.

    Its replays begin with it, and payload under no rule set would be at risk.
    """
    row = await driver.fetchrow(
        """
        select start_record, name, started_ns, ruleset_id, redaction_key_id, tags
        from run
        where run_id = $1
        """,
        run_id,
    )
    start = replace(
        read_run_start(orjson.loads(row["start_record"])),
        name=row["name"],
        started_ns=row["started_ns"],
        ruleset_id=row["ruleset_id"],
        redaction_key_id=row["redaction_key_id"],
        tags=tuple(row["tags"]),
    )
    await driver.execute(
        "update run set start_record = $2 where run_id = $1", run_id, encode(start)
    )


async def _refs(driver: Driver, run_id: str) -> Mapping[str, list[ArtifactRef]]:
    found: dict[str, list[ArtifactRef]] = {}
    for row in await driver.fetch(
        """
        select step_id::text, role, root, size, state, reason, media_type
        from artifact
        where run_id = $1
        order by role
        """,
        run_id,
    ):
        ref = ArtifactRef(
            role=row[1],
            root=None if row[2] is None else digest_text(row[2]),
            size=row[3],
            state=ArtifactState(row[4]),
            reason=row[5],
            media_type=row[6],
        )
        found.setdefault(row[0], []).append(ref)
    return found


def _started(run_id: str, row: Any, refs: Sequence[ArtifactRef]) -> StepStarted:
    return StepStarted(
        run_id=run_id,
        sequence_no=row["seq"],
        time_ns=row["start_ns"],
        step_id=row["step_id"],
        kind=_KINDS[int(row["kind"])],
        name=row["name"],
        key=row["key"],
        parent_id=row["parent_id"],
        subtype=row["subtype"],
        effect=None if row["effect"] is None else Effect(row["effect"]),
        codec=row["codec"],
        model=row["model"],
        signature=None if row["signature"] is None else digest_text(row["signature"]),
        delta=None if row["delta"] is None else digest_text(row["delta"]),
        contended=row["contended"],
        artifacts=tuple(ref for ref in refs if ref.role.startswith("input.")),
    )


def _ended(run_id: str, row: Any, refs: Sequence[ArtifactRef]) -> StepEnded:
    return StepEnded(
        run_id=run_id,
        sequence_no=row["end_seq"],
        time_ns=row["end_ns"],
        step_id=row["step_id"],
        status="error" if row["status"] == "error" else "ok",
        error_class=row["error_class"],
        model=row["model"],
        finish_reason=row["finish_reason"],
        tokens_in=row["tokens_in"],
        tokens_out=row["tokens_out"],
        cost_micro_usd=row["cost_micro_usd"],
        artifacts=tuple(ref for ref in refs if not ref.role.startswith("input.")),
    )
