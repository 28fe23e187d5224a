"""What the replays among two compared runs came to, from what their runs keep of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from forkpoint.content import ContentError, Digest, Value, decode
from forkpoint.diff.columns import RunColumns
from forkpoint.diff.replayed import replayed
from sqlalchemy.ext.asyncio import AsyncConnection

from forkpoint_server.artifacts.store import BlobStore
from forkpoint_server.artifacts.trees import load_closure
from forkpoint_server.db.engine import driver
from forkpoint_server.db.tables import RUN_ITSELF

_REPORT, _EDITS = "replay_report", "edits"


async def replays_of(
    connection: AsyncConnection,
    project_id: int,
    sides: Mapping[str, RunColumns],
    *,
    blobs: BlobStore | None,
) -> list[dict[str, object]]:
    """An entry for each side that is a replay and has ended; none for a report nobody may read.

    Index: primary key of `artifact`.
    """
    made = {run.run_id: side for side, run in sides.items() if run.parent_run is not None}
    if not made:
        return []
    rows = await (await driver(connection)).fetch(
        """
        select run_id::text, role, root
        from artifact
        where run_id = any ($1::uuid[]) and step_id = $2 and role = any ($3) and project_id = $4
          and state = 'clean' and root is not null
        """,
        list(made),
        RUN_ITSELF,
        [_REPORT, _EDITS],
        project_id,
    )
    roots = {(row["run_id"], row["role"]): Digest(row["root"]) for row in rows}
    blocks = await load_closure(connection, project_id, set(roots.values()), blobs=blobs)
    found: list[dict[str, object]] = []
    for run_id, side in made.items():
        outcome = _read(roots.get((run_id, _REPORT)), blocks)
        if isinstance(outcome, Mapping):
            edits = _read(roots.get((run_id, _EDITS)), blocks)
            found.append(replayed(side, cast("Mapping[str, object]", outcome), edits))
    return found


def _read(root: Digest | None, blocks: Mapping[Digest, bytes]) -> Value:
    """None for what is not there, or not whole."""
    if root is None:
        return None
    try:
        return decode(root, lambda wanted: {each: blocks[each] for each in wanted})
    except (ContentError, KeyError):
        return None
