"""Comparisons of stored runs, computed once per pair of heads and kept for the next reader."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Collection, Sequence
from functools import lru_cache
from uuid import UUID

from forkpoint.content import ContentError, Get, Value, decode, digest_from_text
from forkpoint.content import LimitExceeded as TooLarge
from forkpoint.diff.align import align
from forkpoint.diff.alignment import Alignment
from forkpoint.diff.classify import Load, needed_roots
from forkpoint.diff.columns import RunColumns, StepRow
from forkpoint.diff.deltas import GONE, Unread, step_delta
from forkpoint.diff.report import Comparison, check_comparable, compare_runs, restored
from forkpoint.errors import DiffError
from sqlalchemy.ext.asyncio import AsyncConnection

from forkpoint_server.artifacts.loading import BlockLoader
from forkpoint_server.artifacts.store import BlobStore
from forkpoint_server.artifacts.trees import load_closure
from forkpoint_server.db.engine import Database, driver
from forkpoint_server.diff.columns import load_columns, standings
from forkpoint_server.diff.lazily import LazyBlocks, known_blocks
from forkpoint_server.diff.stored import find
from forkpoint_server.errors import BadRequest, LimitExceeded

MOST_STEPS = 20_000
"""Steps a side up to which a comparison is computed while the reader waits."""
PAYLOAD_BUDGET = 64 * 1024 * 1024
"""Bytes of blocks read to classify a comparison, and to open one delta."""
KEPT_STEPS = 200_000
"""Steps of all comparisons kept in memory; about 200 bytes each."""

Progress = Callable[[str], Awaitable[None]]
Draft = Callable[[Comparison], Awaitable[None]]
"""Takes what digests alone say, before payloads are read."""
_Key = tuple[int, str, str, int, int]


class TooManySteps(LimitExceeded):
    """Runs too long to compare while the reader waits, that no worker has compared yet."""

    def __init__(self, run: RunColumns) -> None:
        super().__init__(
            "diff_steps",
            MOST_STEPS,
            f"run {run.run_id} has {len(run.steps)} steps; up to {MOST_STEPS} are compared at "
            "once, longer runs by a worker: requestDiff",
        )


class Comparisons:
    """The comparisons of one process, by project, runs and heads: none is ever stale."""

    def __init__(
        self,
        database: Database,
        blobs: BlobStore | None,
        *,
        most_steps: int | None = None,
    ) -> None:
        self._database = database
        self._most_steps = most_steps
        self._blobs = blobs
        self._kept: OrderedDict[_Key, Comparison] = OrderedDict()

    async def compare(
        self,
        project_id: int,
        a: UUID,
        b: UUID,
        *,
        progress: Progress | None = None,
        draft: Draft | None = None,
    ) -> Comparison:
        """Compare two runs of a project.

        Raises `NotFound` for a run that is absent or another project's, `BadRequest` with code
        `not_comparable` when digests of the two mean different things, `TooManySteps` beyond
        20,000 steps a side unless a worker has compared these heads.
        """
        tell = progress or _silent
        await tell("loading")
        async with self._database.reading(project_id) as connection:
            kept = await self._known(connection, project_id, a, b)
            if kept is not None:
                return kept
            left = await self._columns(connection, project_id, a)
            right = await self._columns(connection, project_id, b)
            return await self._of_columns(connection, project_id, left, right, tell, draft)

    async def compare_each(
        self, project_id: int, base: UUID, others: Sequence[UUID]
    ) -> tuple[list[Comparison], list[UUID]]:
        """One run with several, and those that cannot be compared with it; the base is loaded once.

        Raises as `compare`, but for `not_comparable`.
        """
        found, left_out = list[Comparison](), list[UUID]()
        async with self._database.reading(project_id) as connection:
            left = await load_columns(connection, project_id, base)
            for other in others:
                right = await load_columns(connection, project_id, other)
                try:
                    found.append(
                        await self._of_columns(connection, project_id, left, right, _silent)
                    )
                except BadRequest as error:
                    if error.code != DiffError.code:
                        raise
                    left_out.append(other)
        return found, left_out

    async def _columns(
        self, connection: AsyncConnection, project_id: int, run_id: UUID
    ) -> RunColumns:
        """One side; of a run that was compared before and grew since, only what is new is read."""
        sides = (
            side
            for key, kept in reversed(self._kept.items())
            if key[0] == project_id
            for side in (kept.a, kept.b)
            if side.run_id == str(run_id)
        )
        known = next(sides, None)
        if known is not None and known.sealed:
            known = None
        return await load_columns(connection, project_id, run_id, known=known)

    async def _known(
        self, connection: AsyncConnection, project_id: int, a: UUID, b: UUID
    ) -> Comparison | None:
        """The kept comparison of what the two runs are now; their steps are not read for it."""
        found = await standings(connection, project_id, (a, b))
        left, right = found.get(a), found.get(b)
        if left is None or right is None:
            return None
        key = (project_id, str(a), str(b), left.head, right.head)
        kept = self._kept.get(key)
        if kept is None or (kept.a.sealed, kept.b.sealed) != (left.sealed, right.sealed):
            return None
        self._kept.move_to_end(key)
        return kept

    async def delta(self, project_id: int, left: StepRow, right: StepRow) -> dict[str, object]:
        """Open one pair: what differs in prompt, parts, answer and numbers."""
        async with self._database.reading(project_id) as connection:
            blocks = BlockLoader(await driver(connection), project_id, self._blobs)
            get = LazyBlocks(blocks, asyncio.get_running_loop(), budget=PAYLOAD_BUDGET)
            return await asyncio.to_thread(step_delta, left, right, loader(get), get)

    async def _of_columns(
        self,
        connection: AsyncConnection,
        project_id: int,
        left: RunColumns,
        right: RunColumns,
        tell: Progress,
        draft: Draft | None = None,
    ) -> Comparison:
        key = (project_id, left.run_id, right.run_id, left.head, right.head)
        kept = self._kept.get(key)
        if kept is not None and (kept.a.sealed, kept.b.sealed) == (left.sealed, right.sealed):
            self._kept.move_to_end(key)
            return kept
        comparison = await self._computed(connection, project_id, left, right, tell, draft)
        if comparison.examined:
            self._keep(key, comparison)
        return comparison

    async def _computed(
        self,
        connection: AsyncConnection,
        project_id: int,
        a: RunColumns,
        b: RunColumns,
        tell: Progress,
        draft: Draft | None,
    ) -> Comparison:
        try:
            check_comparable(a, b)
        except DiffError as error:
            raise BadRequest(error.message, code=error.code) from None
        longest = max(a, b, key=lambda run: len(run.steps))
        most = MOST_STEPS if self._most_steps is None else self._most_steps
        if len(longest.steps) > most:
            return await self._found(connection, project_id, a, b, longest)
        await tell("aligning")
        alignment = await asyncio.to_thread(align, a, b)
        roots = await asyncio.to_thread(needed_roots, a, b, alignment)
        if draft is not None:
            await draft(await asyncio.to_thread(drafted, a, b, alignment))
        await tell("classing")
        load = await self._loader(connection, project_id, roots)
        return await asyncio.to_thread(compare_runs, a, b, load, alignment)

    async def _found(
        self,
        connection: AsyncConnection,
        project_id: int,
        a: RunColumns,
        b: RunColumns,
        longest: RunColumns,
    ) -> Comparison:
        """What a worker has stored for these heads."""
        ids = UUID(a.run_id), UUID(b.run_id)
        kept = await find(await driver(connection), project_id, *ids, heads=(a.head, b.head))
        if kept is None:
            raise TooManySteps(longest)
        return restored(a, b, kept.rows, kept.report, is_draft=kept.is_draft)

    async def values(
        self, connection: AsyncConnection, project_id: int, roots: Collection[str]
    ) -> Load:
        """Reads these values; one that is not there raises `KeyError` when it is read."""
        return await self._loader(connection, project_id, roots)

    async def _loader(
        self, connection: AsyncConnection, project_id: int, roots: Collection[str]
    ) -> Load:
        digests = [digest_from_text(root) for root in roots]
        blocks = await load_closure(
            connection, project_id, digests, blobs=self._blobs, budget=PAYLOAD_BUDGET
        )
        return loader(known_blocks(blocks))

    def _keep(self, key: _Key, comparison: Comparison) -> None:
        self._kept[key] = comparison
        total = sum(len(kept.rows) for kept in self._kept.values())
        while total > KEPT_STEPS and len(self._kept) > 1:
            _, dropped = self._kept.popitem(last=False)
            total -= len(dropped.rows)


def loader(get: Get) -> Load:
    """Values out of blocks; a root whose blocks are not all there raises `Unread`."""

    @lru_cache(maxsize=256)
    def load(root: str) -> Value:
        try:
            return decode(digest_from_text(root), get)
        except ContentError as error:
            raise Unread(root, "too_large" if error.code == TooLarge.code else GONE) from error

    return load


def drafted(a: RunColumns, b: RunColumns, alignment: Alignment) -> Comparison:
    """What digests alone say: no payload is read, what is not equal is `partly` explained."""
    return compare_runs(a, b, dict[str, object]().__getitem__, alignment, examine=0)


async def _silent(phase: str) -> None:
    """Nobody wants to know."""
