"""Small batches that come at the same time share a transaction: group commit.

A batch that finds a free lane is stored at once and waits for nobody. While all lanes of its caller
are busy, batches gather; whoever gets the next free lane takes all that wait along. So a service
that idles answers as before, and under load the cost of a transaction is divided among many.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from forkpoint_server.db.engine import Database
from forkpoint_server.errors import Overloaded, ServerError
from forkpoint_server.ingestion.batch import Batch, IngestResult, Lacking, store, store_together
from forkpoint_server.live.publish import Publisher
from forkpoint_server.security.principals import Principal

LANES = 2
"""Transactions of one caller at a time in which small batches are stored."""
TOGETHER = 2_000
"""Events and blocks of one shared transaction."""
ALONE = 500
"""Events and blocks from which a batch has a transaction of its own."""


@dataclass(slots=True, eq=False)
class _Waiting:
    """A batch, and what its caller waits for: its result, or None when it has a lane."""

    batch: Batch
    size: int
    answer: asyncio.Future[IngestResult | None]

    def has_lane(self) -> bool:
        """Whether it was told to store, itself and others."""
        answer = self.answer
        if not answer.done() or answer.cancelled() or answer.exception() is not None:
            return False
        return answer.result() is None

    def settle(self, result: IngestResult | ServerError) -> None:
        """Answer, unless that was done or nobody waits any more."""
        if self.answer.done():
            return
        if isinstance(result, ServerError):
            self.answer.set_exception(result)
            self.answer.exception()  # seen, if nobody comes for it
        else:
            self.answer.set_result(result)


@dataclass(slots=True)
class _Lanes:
    """Of one caller."""

    busy: int = 0
    waiting: list[_Waiting] = field(default_factory=list[_Waiting])

    def beside(self, leader: _Waiting) -> list[_Waiting]:
        """Those that go with a leader: what fits, in the order they came."""
        group, size = [leader], leader.size
        for each in self.waiting:
            if not each.answer.done() and size + each.size <= TOGETHER:
                group.append(each)
                size += each.size
        self.waiting = [each for each in self.waiting if each not in group]
        return group


class Gathering:
    """One for each process. Callers are told apart by their token, since conflicts are audited."""

    def __init__(self, database: Database, *, clock: Callable[[], int]) -> None:
        self._database = database
        self._clock = clock
        self._lanes: dict[Principal, _Lanes] = {}

    async def store(self, principal: Principal, batch: Batch, *, live: Publisher) -> IngestResult:
        """As `batch.store`: when this returns the batch is committed."""
        size = len(batch.events) + len(batch.blocks.bodies)
        if size > ALONE:
            return await self._alone(principal, batch, live)
        lanes = self._lanes.setdefault(principal, _Lanes())
        mine = _Waiting(batch, size, asyncio.get_running_loop().create_future())
        if lanes.busy < LANES:
            lanes.busy += 1
        elif (result := await self._turn(principal, lanes, mine)) is not None:
            return result
        try:
            [result, *_] = await self._lead(principal, lanes.beside(mine), live)
        finally:
            self._hand_over(principal, lanes)
        if isinstance(result, ServerError):
            raise result
        return result

    async def _turn(
        self, principal: Principal, lanes: _Lanes, mine: _Waiting
    ) -> IngestResult | None:
        """Wait to be stored along with others, or (None) to have a lane."""
        lanes.waiting.append(mine)
        try:
            return await mine.answer
        except asyncio.CancelledError:
            if mine in lanes.waiting:
                lanes.waiting.remove(mine)
            elif mine.has_lane():
                self._hand_over(principal, lanes)
            raise

    def _hand_over(self, principal: Principal, lanes: _Lanes) -> None:
        """Give the lane to who has waited longest; with nobody it is free."""
        while lanes.waiting:
            following = lanes.waiting.pop(0)
            if not following.answer.done():
                following.answer.set_result(None)
                return
        lanes.busy -= 1
        if not lanes.busy:
            self._lanes.pop(principal, None)

    async def _lead(
        self, principal: Principal, group: list[_Waiting], live: Publisher
    ) -> list[IngestResult | ServerError]:
        try:
            results = await self._stored(principal, [each.batch for each in group], live)
            for each, result in zip(group[1:], results[1:], strict=True):
                each.settle(result)
            return results
        finally:
            # if it was cut off: theirs may be committed or not, and can be said again
            for each in group[1:]:
                each.settle(Overloaded("the batch was let go; send it again"))

    async def _stored(
        self, principal: Principal, batches: list[Batch], live: Publisher
    ) -> list[IngestResult | ServerError]:
        """Together; or, if one of them cannot be stored, each by itself."""
        if len(batches) > 1:
            try:
                return [
                    *await store_together(
                        self._database, principal, batches, live=live, clock=self._clock
                    )
                ]
            except Overloaded as error:
                return [error] * len(batches)
            except (Lacking, ServerError):
                pass
        results: list[IngestResult | ServerError] = []
        for batch in batches:
            try:
                results.append(await self._alone(principal, batch, live))
            except ServerError as error:
                results.append(error)
        return results

    async def _alone(self, principal: Principal, batch: Batch, live: Publisher) -> IngestResult:
        return await store(self._database, principal, batch, live=live, clock=self._clock)
