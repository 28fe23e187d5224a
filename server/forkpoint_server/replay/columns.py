"""The columns of a recording that a plan needs: two statements, whatever its length; no payload."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast

import orjson
from forkpoint.errors import ReplayError
from forkpoint.events.kinds import Effect, Kind, RunStatus
from forkpoint.events.model import RunEnd, RunStart, StepEnded, StepStarted
from forkpoint.events.wire import read_run_end, read_run_start
from forkpoint.replay.identity import scope_of
from forkpoint.replay.recording import Recording

from forkpoint_server.db.engine import Driver
from forkpoint_server.db.whole import find_wholes, rows_of
from forkpoint_server.errors import NotFound

_KINDS = tuple(Kind)
_ENDED: dict[str, Literal["ok", "error", "cancelled"]] = {
    "ok": "ok",
    "error": "error",
    "cancelled": "cancelled",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlined:
    """A recording without its payload, and what forbids replaying it."""

    recording: Recording
    head: int
    refused: ReplayError | None


async def outline(raw: Driver, project_id: int, run_id: str) -> Outlined:
    """Read a run for planning; raises `NotFound`. Indexes: primary keys of `run` and `step`."""
    whole = (await find_wholes(raw, project_id, [run_id]))[0]
    run = await raw.fetchrow(
        f"""
        select head, start_record, end_record, finished, status, gap_count, content_format,
          signature_codec,
          exists (
            select
            from {rows_of("artifact", [whole])} as artifact
            where artifact.run_id = run.run_id and artifact.state in ('pending', 'at_risk')
          ) as unclean
        from run
        where run_id = $1 and project_id = $2
        """,
        run_id,
        project_id,
    )
    if run is None:
        raise NotFound("run")
    rows = await raw.fetch(
        f"""
        select seq, end_seq, step_id::text, kind, name, key, strand, site, effect, signature,
          contended, status, codec, model, tokens_in, tokens_out, cost_micro_usd, start_ns, end_ns
        from {rows_of("step", [whole])} as step
        where run_id = $1
        order by seq
        """,
        run_id,
    )
    recording = await asyncio.to_thread(_recording, run, rows, run_id)
    return Outlined(recording=recording, head=run["head"], refused=_refusal(run, recording))


def _recording(run: Mapping[str, Any], rows: Sequence[Mapping[str, Any]], run_id: str) -> Recording:
    start: RunStart = read_run_start(orjson.loads(run["start_record"]))
    end_record = run["end_record"]
    end: RunEnd | None = read_run_end(orjson.loads(end_record)) if end_record else None
    started = [_started(row, run_id) for row in rows]
    seqs = [cast("int", row["seq"]) for row in rows]
    return Recording(
        start=start,
        end=end,
        get=_nothing,
        seqs=seqs,
        started=started,
        ended=[_ended(row, run_id) for row in rows],
        end_seqs=[cast("int | None", row["end_seq"]) for row in rows],
        scopes=[scope_of(step.key) for step in started],
        types=[(step.kind, step.name) for step in started],
        by_key={step.key: place for place, step in enumerate(started)},
        by_seq={seq: place for place, seq in enumerate(seqs)},
        notes=(),
        numbers={},
    )


def _started(row: Mapping[str, Any], run_id: str) -> StepStarted:
    return StepStarted(
        run_id=run_id,
        sequence_no=0,
        time_ns=row["start_ns"],
        step_id=row["step_id"],
        kind=_KINDS[cast("int", row["kind"])],
        name=row["name"],
        key=row["key"],
        strand=row["strand"],
        site=row["site"],
        effect=Effect(row["effect"]) if row["effect"] else None,
        codec=row["codec"],
        model=row["model"],
        signature=_text(row["signature"]),
        contended=row["contended"],
    )


def _ended(row: Mapping[str, Any], run_id: str) -> StepEnded | None:
    status = _ENDED.get(row["status"])
    if status is None or row["end_seq"] is None:
        return None
    return StepEnded(
        run_id=run_id,
        sequence_no=0,
        time_ns=row["end_ns"] or row["start_ns"],
        step_id=row["step_id"],
        status=status,
        tokens_in=row["tokens_in"],
        tokens_out=row["tokens_out"],
        cost_micro_usd=row["cost_micro_usd"],
    )


def _refusal(run: Mapping[str, Any], recording: Recording) -> ReplayError | None:
    start, run_id = recording.start, recording.start.run_id
    found = (start.content_format, start.signature_codec)
    if found != ("content/1", "sig/1"):
        return ReplayError(
            f"run {run_id} is written in {' and '.join(found)}, which is not read here",
            code="codec_mismatch",
        )
    if run["gap_count"]:
        return ReplayError(
            f"run {run_id} has gaps: {run['gap_count']} events are missing",
            code="recording_incomplete",
        )
    if not run["finished"] and run["status"] != RunStatus.INTERRUPTED:
        return ReplayError(f"run {run_id} is still running", code="recording_incomplete")
    if run["unclean"]:
        return ReplayError(
            f"run {run_id} has payload that is not released; a replay reads clean ones only",
            code="not_clean",
        )
    return None


def _text(digest: bytes | None) -> str | None:
    if digest is None:
        return None
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def _nothing(_wanted: Collection[bytes]) -> Mapping[bytes, bytes]:
    return {}
