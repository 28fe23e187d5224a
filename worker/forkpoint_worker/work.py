"""What a handler is given: its job, the services, and the one way to finish."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from forkpoint.redact.engine import Redactor
from forkpoint_server.artifacts.store import BlobStore
from forkpoint_server.db.engine import Database, Driver, driver
from forkpoint_server.jobs.leases import Job, finish
from forkpoint_server.live.publish import Publisher
from forkpoint_server.security.principals import Principal
from forkpoint_server.security.sealing import Opener

from forkpoint_worker.providers import Provider


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """What a worker process is made of."""

    database: Database
    blobs: BlobStore
    publisher: Callable[[int], Publisher]
    """The publisher of a project."""
    clock: Callable[[], int]
    """Wall clock in ns, for data; leases go by the database's."""
    opener: Opener | None = None
    """Opens sealed bodies; None: they wait."""
    redactor: Redactor | None = None
    """Masks what other senders sent; None: their payload is withheld."""
    providers: tuple[Provider, ...] = ()
    """Models that replays may ask; none unless the operator says so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """One claimed job."""

    job: Job
    services: Services

    @asynccontextmanager
    async def finishing(self) -> AsyncGenerator[Driver]:
        """The transaction of the results: it commits with the job done, or not at all.

        Raises `LeaseLost` at its end if another worker has the job now.
        """
        async with self.services.database.transaction(self.job.project_id) as connection:
            raw = await driver(connection)
            yield raw
            await finish(raw, self.job)

    @property
    def principal(self) -> Principal:
        """Who acts, for the audit log: the worker itself."""
        return Principal(project_id=self.job.project_id, scopes=frozenset(), name="worker")

    @property
    def live(self) -> Publisher:
        """Tells subscribers of the job's project."""
        return self.services.publisher(self.job.project_id)

    @property
    def run_id(self) -> str:
        """The run of the job; raises `ValueError` for a job that has none."""
        if self.job.run_id is None:
            raise ValueError(f"job {self.job.id} ({self.job.kind}) has no run")
        return self.job.run_id
