"""A run while it is being written: loaded under its lock, changed by values, stored at the end."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

import orjson

from forkpoint_server.db.engine import Driver
from forkpoint_server.ingestion.lanes import Lanes

INT32_MAX = 2**31 - 1

LAST_STEP, FIRST_ERROR, FIRST_DIVERGENCE = 0, 1, 2
"""What `opening_seq` is, in rising order of interest."""


@dataclass(slots=True, kw_only=True)
class RunState:
    """The columns of a run that events change."""

    run_id: str
    head: int
    status: str
    health: set[str]
    finished: bool
    received_ns: int
    ruleset_id: str | None
    step_count: int
    error_count: int
    gap_count: int
    tokens_in: int | None
    tokens_out: int | None
    cost_micro_usd: int | None
    opening_seq: int | None
    opening_rank: int
    writers: dict[int, int]
    lanes: Lanes
    stored_bytes: int
    end_record: bytes | None
    first_new: int = field(default=0)
    """The first `seq` that this transaction gave."""

    def opens_at(self, seq: int, *, rank: int) -> None:
        """Offer a step to open the run at: the first of its rank, but the last of `LAST_STEP`."""
        if rank > self.opening_rank or rank == self.opening_rank == LAST_STEP:
            self.opening_seq, self.opening_rank = seq, rank
        elif rank == LAST_STEP and self.opening_seq is None:
            self.opening_seq = seq

    def spend(self, *, tokens_in: int | None, tokens_out: int | None, cost: int | None) -> None:
        """Add what a step used; unknown stays unknown until something is known."""
        self.tokens_in = _sum(self.tokens_in, tokens_in)
        self.tokens_out = _sum(self.tokens_out, tokens_out)
        self.cost_micro_usd = _sum(self.cost_micro_usd, cost)

    def lose(self, count: int) -> None:
        """Count events that are gone for good."""
        self.gap_count = min(self.gap_count + count, INT32_MAX)
        self.health.add("incomplete")


async def lock_runs(driver: Driver, run_ids: Collection[str]) -> dict[str, RunState]:
    """Lock runs in id order and load them; those of other projects are not there.

    Index: primary key of `run`.
    """
    rows = await driver.fetch(
        """
        select run_id::text, head, status, health, finished, received_ns, ruleset_id, step_count,
          error_count, gap_count, tokens_in, tokens_out, cost_micro_usd, opening_seq, opening_rank,
          writers::text, lanes::text, stored_bytes, end_record
        from run
        where run_id = any ($1::uuid[])
        order by run_id
        for update
        """,
        sorted(run_ids),
    )
    return {row["run_id"]: _state(row) for row in rows}


async def store_runs(driver: Driver, runs: Sequence[RunState], *, now_ns: int) -> None:
    """Write changed runs back in one statement."""
    if not runs:
        return
    await driver.execute(
        """
        update run
        set head = new.head, status = new.status, health = new.health,
          received_ns = new.received_ns, step_count = new.step_count,
          error_count = new.error_count, gap_count = new.gap_count, tokens_in = new.tokens_in,
          tokens_out = new.tokens_out, cost_micro_usd = new.cost_micro_usd,
          opening_seq = new.opening_seq, opening_rank = new.opening_rank, writers = new.writers,
          lanes = new.lanes, stored_bytes = new.stored_bytes
        from jsonb_to_recordset($1::jsonb) as new (
          run_id uuid, head bigint, status text, health text[], received_ns bigint,
          step_count int, error_count int, gap_count int, tokens_in bigint, tokens_out bigint,
          cost_micro_usd bigint, opening_seq bigint, opening_rank smallint, writers jsonb,
          lanes jsonb, stored_bytes bigint)
        where run.run_id = new.run_id
        """,
        orjson.dumps([_stored(run, now_ns) for run in runs]).decode(),
    )


def _state(row: Mapping[str, object]) -> RunState:
    fields: dict[str, object] = dict(row.items())
    fields["health"] = set(row["health"])  # type: ignore[call-overload]
    writers = orjson.loads(str(row["writers"]))
    fields["writers"] = {int(writer): int(number) for writer, number in writers.items()}
    fields["lanes"] = Lanes.load(orjson.loads(str(row["lanes"])))
    return RunState(**fields)  # type: ignore[arg-type]


def _stored(run: RunState, now_ns: int) -> dict[str, object]:
    return {
        "run_id": run.run_id,
        "head": run.head,
        "status": run.status,
        "health": sorted(run.health),
        "received_ns": now_ns,
        "step_count": run.step_count,
        "error_count": run.error_count,
        "gap_count": run.gap_count,
        "tokens_in": run.tokens_in,
        "tokens_out": run.tokens_out,
        "cost_micro_usd": run.cost_micro_usd,
        "opening_seq": run.opening_seq,
        "opening_rank": run.opening_rank,
        "writers": {str(writer): number for writer, number in run.writers.items()},
        "lanes": run.lanes.rows(),
        "stored_bytes": run.stored_bytes,
    }


def _sum(total: int | None, more: int | None) -> int | None:
    return total if more is None else min((total or 0) + more, 2**62)
