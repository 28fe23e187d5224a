"""Comparisons that a worker has computed: report and rows in one table, by runs and heads."""

from __future__ import annotations

import time
from dataclasses import dataclass
from uuid import UUID

import orjson
import zstandard
from forkpoint.diff.report import FORMAT, Comparison, to_report
from forkpoint.diff.rows import Rows

from forkpoint_server.db.engine import Driver
from forkpoint_server.jobs.enqueue import enqueue
from forkpoint_server.jobs.names import JobKind

DRAFT = f"{FORMAT} draft"
"""In the column `options`, which sorts behind that of the finished one."""
LARGEST_PAIRS = 64 * 1024 * 1024
"""Bytes of unpacked rows: 1M steps a side and a margin."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """What is kept of a comparison: its report without rows, and the rows."""

    head_a: int
    head_b: int
    report: dict[str, object]
    rows: Rows
    is_draft: bool
    """Made before any payload was read; the job goes on, or did not come to its end."""


async def store(raw: Driver, project_id: int, comparison: Comparison) -> None:
    """Keep a comparison under its runs; an older one of them is replaced, a draft taken away."""
    options = FORMAT if comparison.examined else DRAFT
    packed = zstandard.ZstdCompressor(level=3).compress(comparison.rows.to_bytes())
    await raw.execute(
        """
        insert into diff_report
          (project_id, a, b, options, head_a, head_b, report, pairs, created_ns)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
        on conflict (project_id, a, b, options) do update
        set head_a = excluded.head_a, head_b = excluded.head_b, report = excluded.report,
          pairs = excluded.pairs, created_ns = excluded.created_ns
        """,
        project_id,
        UUID(comparison.a.run_id),
        UUID(comparison.b.run_id),
        options,
        comparison.a.head,
        comparison.b.head,
        orjson.dumps(to_report(comparison)),
        packed,
        time.time_ns(),
    )
    if comparison.examined:
        await raw.execute(
            """
            delete from diff_report
            where project_id = $1 and a = $2 and b = $3 and options = $4
            """,
            project_id,
            UUID(comparison.a.run_id),
            UUID(comparison.b.run_id),
            DRAFT,
        )


async def find(
    raw: Driver, project_id: int, a: UUID, b: UUID, *, heads: tuple[int, int]
) -> Stored | None:
    """The comparison kept of two runs at these heads, else its draft. Index: `diff_report_pkey`."""
    row = await raw.fetchrow(
        """
        select head_a, head_b, report, pairs, options
        from diff_report
        where project_id = $1 and a = $2 and b = $3 and options = any ($4)
          and head_a = $5 and head_b = $6
        order by options
        limit 1
        """,
        project_id,
        a,
        b,
        [FORMAT, DRAFT],
        *heads,
    )
    if row is None:
        return None
    unpacked = zstandard.ZstdDecompressor().decompress(row["pairs"], max_output_size=LARGEST_PAIRS)
    return Stored(
        head_a=row["head_a"],
        head_b=row["head_b"],
        report=orjson.loads(row["report"]),
        rows=Rows.from_bytes(unpacked),
        is_draft=row["options"] == DRAFT,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Where the job of a comparison stands."""

    state: str
    """queued, running, done or failed."""
    phase: str | None = None
    """What it does now: loading, aligning, classing, storing."""
    error: str | None = None


async def request(raw: Driver, project_id: int, a: UUID, b: UUID) -> int | None:
    """Queue the comparison; None if it is queued or runs already."""
    return await enqueue(
        raw,
        project_id,
        JobKind.DIFF_RUNS,
        dedupe_key=_key(a, b),
        run_id=str(b),
        args={"a": str(a), "b": str(b)},
    )


async def asked(raw: Driver, project_id: int, a: UUID, b: UUID) -> Asked | None:
    """The newest job for these runs, None if none was asked for."""
    row = await raw.fetchrow(
        """
        select state, args ->> 'phase' as phase, error_class
        from job
        where project_id = $1 and kind = $2 and dedupe_key = $3
        order by id desc
        limit 1
        """,
        project_id,
        JobKind.DIFF_RUNS.value,
        _key(a, b),
    )
    if row is None:
        return None
    state = str(row["state"])
    return Asked(
        state=_STATES.get(state, state),
        phase=row["phase"],
        error=row["error_class"],
    )


async def report_phase(raw: Driver, job_id: int, fence: int, phase: str) -> None:
    """Say what a job does now, if it is still this worker's."""
    await raw.execute(
        """
        update job
        set args = args || jsonb_build_object('phase', $3::text)
        where id = $1 and fence = $2 and state = 'leased'
        """,
        job_id,
        fence,
        phase,
    )


_STATES = {"leased": "running", "quarantined": "failed"}


def _key(a: UUID, b: UUID) -> str:
    return f"{a}:{b}"
