"""The settings of one worker process: those of the service, and a few of its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from forkpoint_server.settings import Settings, SettingsError

from forkpoint_worker.providers import Provider, read_providers


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerSettings:
    """Everything a worker may be told."""

    service: Settings
    concurrency: int = 4
    """FORKPOINT_WORKER_CONCURRENCY: jobs at a time."""
    poll_s: float = 5.0
    """Seconds between two looks at the table without a wake-up."""
    reconcile_s: float = 15.0
    """Seconds between two rounds of the reconciler."""
    drain_s: float = 25.0
    """Seconds that running jobs may take after SIGTERM."""
    statement_timeout_ms: int = 60_000
    providers: tuple[Provider, ...] = ()
    """FORKPOINT_MODEL_PROVIDERS: models that replays may ask, JSON; see the operations guide."""

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Self:
        """Read FORKPOINT_* variables; raises `SettingsError`."""
        text = environment.get("FORKPOINT_WORKER_CONCURRENCY") or "4"
        if not text.isdecimal() or not 1 <= int(text) <= 64:
            raise SettingsError("FORKPOINT_WORKER_CONCURRENCY must be a number from 1 to 64")
        return cls(
            service=Settings.from_environment(environment),
            concurrency=int(text),
            providers=read_providers(environment),
        )
