"""Damage: blocks whose bytes are not theirs any more, and the artifacts that cannot be read."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from forkpoint.content import Digest, children, digest_of
from forkpoint.events.kinds import ArtifactState, Health

from forkpoint_server.db.engine import Driver

REASON = "corrupt_block"


def intact(loaded: Mapping[Digest, bytes]) -> dict[Digest, bytes]:
    """Those blocks whose bytes have the digest they are stored under."""
    return {digest: body for digest, body in loaded.items() if digest_of(body) == digest}


def above(damaged: Collection[Digest], loaded: Mapping[Digest, bytes]) -> set[Digest]:
    """The damaged digests, and those of all loaded blocks from which one is reached."""
    parents: dict[Digest, list[Digest]] = {}
    for digest, body in loaded.items():
        for child in children(body):
            parents.setdefault(child, []).append(digest)
    reached, level = set(damaged), list(damaged)
    while level:
        level = [over for each in level for over in parents.get(each, ()) if over not in reached]
        reached.update(level)
    return reached


async def fail_artifacts(driver: Driver, run_id: str, roots: Collection[Digest]) -> int:
    """Mark the artifacts of a run that have these roots as failed, and flag its health.

    Events and steps stay as they are; returns the artifacts. Index: primary key of `artifact`.
    """
    rows = await driver.fetch(
        """
        update artifact
        set state = $3, reason = $4
        where run_id = $1
          and root = any ($2::bytea[])
          and state <> $3
        returning role
        """,
        run_id,
        list(roots),
        ArtifactState.FAILED,
        REASON,
    )
    if rows:
        await driver.execute(
            """
            update run
            set health = array_append(health, $2)
            where run_id = $1
              and not $2 = any (health)
            """,
            run_id,
            Health.ARTIFACT_FAILED,
        )
    return len(rows)
