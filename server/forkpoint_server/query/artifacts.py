"""Artifact rows of steps and runs. Their content is read by the artifacts room."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from forkpoint.events.kinds import ArtifactState
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from forkpoint_server.db.whole import rows_of, whole_of, wholes_of

RUN_ITSELF = "00000000-0000-0000-0000-000000000000"
"""Stands for the step id of artifacts that hang on the run."""


@dataclass(frozen=True, slots=True)
class ArtifactRow:
    """A pointer from a run or step to a content tree, with its state."""

    run_id: str
    step_id: str
    role: str
    root: bytes | None
    size: int
    state: ArtifactState
    reason: str | None
    media_type: str | None


async def artifacts_of(
    connection: AsyncConnection, project_id: int, owners: Sequence[tuple[str, str]]
) -> dict[tuple[str, str], list[ArtifactRow]]:
    """All artifacts of each (run id, step id), by role. Index: primary key."""
    runs = list(dict.fromkeys(run_id for run_id, _ in owners))
    wholes = await wholes_of(connection, project_id, runs)
    artifacts = rows_of("artifact", wholes, where="step_id = any (cast(:steps as uuid[]))")
    rows = await connection.execute(
        text(f"""
            select a.run_id::text, a.step_id::text, a.role, a.root, a.size, a.state, a.reason,
                a.media_type
            from unnest(cast(:runs as uuid[]), cast(:steps as uuid[])) as owner (run_id, step_id)
            join {artifacts} a on a.run_id = owner.run_id and a.step_id = owner.step_id
            where a.project_id = :project_id
            order by a.role
        """),
        {
            "project_id": project_id,
            "runs": [run_id for run_id, _ in owners],
            "steps": [step_id for _, step_id in owners],
        },
    )
    found: dict[tuple[str, str], list[ArtifactRow]] = {owner: [] for owner in owners}
    for row in rows:
        run_id, step_id, role, root, size, state, reason, media_type = row
        artifact = ArtifactRow(
            run_id, step_id, role, root, size, ArtifactState(state), reason, media_type
        )
        found[artifact.run_id, artifact.step_id].append(artifact)
    return found


async def states_of_root(
    connection: AsyncConnection, project_id: int, root: bytes, *, run_id: str | None = None
) -> list[tuple[ArtifactState, str | None]]:
    """States and reasons of the artifacts that have a root, best first.

    Index: primary key with `run_id`; without it the project is searched.
    """
    where, artifacts = "true", "artifact"
    if run_id is not None:
        where = "run_id = cast(:run_id as uuid)"
        whole = await whole_of(connection, project_id, run_id)
        artifacts = rows_of("artifact", [whole], where="root = :root")
    values = {} if run_id is None else {"run_id": run_id}
    rows = await connection.execute(
        text(f"""
            select distinct state, reason
            from {artifacts} as artifact
            where project_id = :project_id and root = :root and {where}
            order by state, reason
        """),
        {**values, "project_id": project_id, "root": root},
    )
    found = [(ArtifactState(row[0]), row[1]) for row in rows]
    return sorted(found, key=lambda pair: pair[0] is not ArtifactState.CLEAN)
