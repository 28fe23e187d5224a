"""Batching for nested lists: what many objects of one answer ask for becomes one statement."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from sqlalchemy.ext.asyncio import AsyncConnection
from strawberry.dataloader import DataLoader

from forkpoint_server.db.engine import Database
from forkpoint_server.query.artifacts import ArtifactRow, artifacts_of
from forkpoint_server.query.children import children_of
from forkpoint_server.query.runs import RunRow, forks_of, mirrors_of, runs_by_ids
from forkpoint_server.query.steps import StepRow, steps_by_number

Key = TypeVar("Key")
Found = TypeVar("Found")
StepNumber = tuple[str, int]
"""Run id and seq."""
Owner = tuple[str, str]
"""Run id and step id."""


class Loaders:
    """One of each kind for one operation of one project."""

    def __init__(self, database: Database, project_id: int) -> None:
        self._database = database
        self._project_id = project_id
        self.runs: DataLoader[str, RunRow | None] = DataLoader(load_fn=self._load_runs)
        self.mirrors: DataLoader[str, RunRow | None] = DataLoader(load_fn=self._load_mirrors)
        self.steps: DataLoader[StepNumber, StepRow | None] = DataLoader(load_fn=self._load_steps)
        self.artifacts: DataLoader[Owner, Sequence[ArtifactRow]] = DataLoader(
            load_fn=self._load_artifacts
        )
        self._forks: dict[int, DataLoader[str, list[RunRow]]] = {}
        self._children: dict[tuple[int, int], DataLoader[Owner, list[StepRow]]] = {}

    def forks(self, *, first: int) -> DataLoader[str, list[RunRow]]:
        """The newest `first + 1` forks of a run."""

        async def load(run_ids: list[str]) -> list[list[RunRow]]:
            found = await self._read(lambda c: forks_of(c, self._project_id, run_ids, first=first))
            return [found[run_id] for run_id in run_ids]

        return self._forks.setdefault(first, DataLoader(load_fn=load))

    def children(self, *, first: int, after: int) -> DataLoader[Owner, list[StepRow]]:
        """The next `first + 1` children of a step."""

        async def load(owners: list[Owner]) -> list[list[StepRow]]:
            found = await self._read(
                lambda c: children_of(c, self._project_id, owners, first=first, after=after)
            )
            return [found[owner] for owner in owners]

        return self._children.setdefault((first, after), DataLoader(load_fn=load))

    async def _load_runs(self, run_ids: list[str]) -> list[RunRow | None]:
        found = await self._read(lambda c: runs_by_ids(c, self._project_id, run_ids))
        return [found.get(run_id) for run_id in run_ids]

    async def _load_mirrors(self, run_ids: list[str]) -> list[RunRow | None]:
        found = await self._read(lambda c: mirrors_of(c, self._project_id, run_ids))
        return [found.get(run_id) for run_id in run_ids]

    async def _load_steps(self, numbers: list[StepNumber]) -> list[StepRow | None]:
        found = await self._read(lambda c: steps_by_number(c, self._project_id, numbers))
        return [found.get(number) for number in numbers]

    async def _load_artifacts(self, owners: list[Owner]) -> list[Sequence[ArtifactRow]]:
        found = await self._read(lambda c: artifacts_of(c, self._project_id, owners))
        return [found[owner] for owner in owners]

    async def _read(self, question: Callable[[AsyncConnection], Awaitable[Found]]) -> Found:
        async with self._database.reading(self._project_id) as connection:
            return await question(connection)
