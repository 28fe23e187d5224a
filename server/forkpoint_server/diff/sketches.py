"""Sketches of stored steps: made once a run is over, read by the alignment (pass A4)."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from uuid import UUID

from forkpoint.content import digest_from_text
from forkpoint.diff.columns import StepRow, scope_of
from forkpoint.diff.sketching import HISTORY, Sketcher

from forkpoint_server.artifacts.store import BlobStore
from forkpoint_server.artifacts.trees import load_closure
from forkpoint_server.db.engine import Database, driver
from forkpoint_server.db.whole import whole_of
from forkpoint_server.diff.columns import load_columns
from forkpoint_server.diff.lazily import known_blocks
from forkpoint_server.errors import LimitExceeded

BATCH = 200
"""Steps whose payload is in memory at once."""
BUDGET = 64 * 1024 * 1024
"""Bytes of blocks of one batch; steps of a larger one have no sketch."""

_OPENED = "select seq from step where run_id = $1 and seq < $2"
"""Steps that were open where a fork left what it shares, so their rows are its own."""


async def sketch_run(
    database: Database, project_id: int, run_id: UUID, *, blobs: BlobStore | None
) -> int:
    """Sketch all steps that a run does not share; how many have one. Again writes the same."""
    async with database.reading(project_id) as connection:
        steps = (await load_columns(connection, project_id, run_id)).steps
        shared = (await whole_of(connection, project_id, str(run_id))).until
        opened = await (await driver(connection)).fetch(_OPENED, run_id, shared) if shared else []
    sketcher, count = Sketcher(), 0
    seqs = {row["seq"] for row in opened}
    own = next((place for place, step in enumerate(steps) if step.seq >= shared), len(steps))
    early = [step for step in steps[:own] if step.seq in seqs]
    batches = [(early, own)] if early else []
    batches += [(steps[first : first + BATCH], first) for first in range(own, len(steps), BATCH)]
    for batch, first in batches:
        found = await _sketches(database, project_id, sketcher, batch, _before(steps, first), blobs)
        await _store(database, project_id, run_id, found)
        count += len(found)
    return count


def _before(steps: Sequence[StepRow], first: int) -> list[str]:
    """Roots of the prompts that the first calls of a batch go on from."""
    recent = steps[max(0, first - BATCH) : first]
    last = {(scope_of(step.key), step.kind, step.name): step.parts.get(HISTORY) for step in recent}
    return [root for root in last.values() if root is not None]


async def _sketches(
    database: Database,
    project_id: int,
    sketcher: Sketcher,
    steps: Sequence[StepRow],
    before: Sequence[str],
    blobs: BlobStore | None,
) -> list[tuple[int, bytes]]:
    roots = {digest_from_text(root) for step in steps for root in step.parts.values()}
    roots |= {digest_from_text(root) for root in before}
    try:
        async with database.reading(project_id) as connection:
            blocks = await load_closure(connection, project_id, roots, blobs=blobs, budget=BUDGET)
    except LimitExceeded:
        return []
    get = known_blocks(blocks)
    return await asyncio.to_thread(lambda: list(sketcher.sketches(steps, get)))


async def _store(
    database: Database, project_id: int, run_id: UUID, found: Sequence[tuple[int, bytes]]
) -> None:
    """Index: `step_run_id_seq_key`."""
    if not found:
        return
    async with database.transaction(project_id) as connection:
        raw = await driver(connection)
        await raw.execute(
            """
            update step
            set sketch = new.sketch
            from unnest($2::bigint[], $3::bytea[]) as new (seq, sketch)
            where step.run_id = $1 and step.seq = new.seq
              and step.sketch is distinct from new.sketch
            """,
            run_id,
            [seq for seq, _ in found],
            [sketch for _, sketch in found],
        )
