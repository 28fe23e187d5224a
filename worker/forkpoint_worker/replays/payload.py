"""The blocks of a recording: each is read once, and has the bytes of its digest or is damage."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping

from forkpoint.content import (
    ContentError,
    Digest,
    check_body,
    children,
    digest_from_text,
    digest_of,
    digest_text,
)
from forkpoint.errors import ReplayError
from forkpoint.events.kinds import ArtifactState
from forkpoint.events.model import ArtifactRef, Gap, StepAttempt
from forkpoint_server.artifacts.loading import BlockLoader, PackCache
from forkpoint_server.artifacts.store import BlobStore
from forkpoint_server.db.engine import Database, driver

from forkpoint_worker.replays.reading import Recorded

AT_ONCE = 1_000
"""Blocks of one statement."""
MEMORY = 256 * 2**20
"""Bytes of bodies that one replay may hold."""
Owner = str | None
"""Call key of the first step that needs a block; None for the run itself."""


class Payload:
    """Reads blocks of one project below roots, level by level, and checks every one."""

    def __init__(self, database: Database, project_id: int, blobs: BlobStore) -> None:
        self._database = database
        self._project_id = project_id
        self._blobs = blobs
        self._packs = PackCache()
        self._seen: set[Digest] = set()

    async def check(self, roots: Mapping[Digest, Owner]) -> int:
        """Read everything below some roots and forget it again; gives how many blocks there were.

        Raises `ReplayError` `integrity_failed` with the call key in `details`.
        """
        return await self._walk(roots, None)

    async def keep(self, roots: Mapping[Digest, Owner], into: dict[Digest, bytes]) -> int:
        """As `check`, and keep the bodies; `payload_withheld` beyond 256 MiB of them."""
        return await self._walk(roots, into)

    async def _walk(self, roots: Mapping[Digest, Owner], into: dict[Digest, bytes] | None) -> int:
        level = {root: owner for root, owner in roots.items() if root not in self._seen}
        count = size = 0
        while level:
            below: dict[Digest, Owner] = {}
            wanted = list(level)
            for at in range(0, len(wanted), AT_ONCE):
                some = wanted[at : at + AT_ONCE]
                bodies = await self._load(some)
                below |= await asyncio.to_thread(_checked, some, bodies, level)
                size += sum(map(len, bodies.values()))
                if into is not None:
                    into.update(bodies)
                    _check_memory(size)
            count += len(level)
            self._seen.update(level)
            level = {digest: owner for digest, owner in below.items() if digest not in self._seen}
        return count

    async def _load(self, digests: list[Digest]) -> dict[Digest, bytes]:
        async with self._database.reading(self._project_id) as connection:
            loader = BlockLoader(
                await driver(connection), self._project_id, self._blobs, self._packs
            )
            return await loader.load(digests)


def roots_of(recorded: Recorded) -> dict[Digest, Owner]:
    """Every clean root of a run with the call key of the first step that names it."""
    keys = {step.step_id: step.key for step in recorded.recording.started}
    found: dict[Digest, Owner] = {}
    for step, ref in _artifacts(recorded):
        if ref.root is not None and ref.state is ArtifactState.CLEAN:
            found.setdefault(digest_from_text(ref.root), None if step is None else keys.get(step))
    return found


def _artifacts(recorded: Recorded) -> Iterator[tuple[str | None, ArtifactRef]]:
    for ref in recorded.start.artifacts:
        yield None, ref
    for _, event in recorded.events:
        if not isinstance(event, Gap | StepAttempt):
            for ref in event.artifacts:
                yield event.step_id, ref
    for ref in recorded.end.artifacts if recorded.end else ():
        yield None, ref


def _checked(
    digests: list[Digest], bodies: Mapping[Digest, bytes], owners: Mapping[Digest, Owner]
) -> dict[Digest, Owner]:
    """The children of some blocks, once each of them is proved."""
    below: dict[Digest, Owner] = {}
    for digest in digests:
        body, owner = bodies.get(digest), owners[digest]
        if body is None:
            raise _damaged(digest, owner, "is not stored any more")
        if digest_of(body) != digest:
            raise _damaged(digest, owner, "has other bytes than its digest")
        try:
            check_body(body)
        except ContentError as error:
            raise _damaged(digest, owner, error.message) from None
        for child in children(body):
            below.setdefault(child, owner)
    return below


def _damaged(digest: Digest, owner: Owner, why: str) -> ReplayError:
    return ReplayError(
        f"block {digest_text(digest)} {why}", code="integrity_failed", key=owner or ""
    )


def _check_memory(size: int) -> None:
    if size > MEMORY:
        raise ReplayError(
            f"the payload of this run is over {MEMORY} bytes; replay it with a runner",
            code="payload_withheld",
        )
