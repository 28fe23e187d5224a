"""Recording under the lease of a replay session: once it is lost nothing is stored or sent."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from forkpoint.capture.collector import HttpCollector, Ingested
from forkpoint.errors import Rejected, TransportError

from forkpoint_cli.settings import Settings

LOST = "lease_lost"


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """A session and the number under which we hold it; a higher one is another runner's."""

    session: str
    fencing: int

    def variables(self) -> dict[str, object]:
        """As `ReplayLeaseInput`."""
        return {"session": self.session, "fencing": str(self.fencing)}


class LeaseLost(TransportError):
    """Another runner holds the session, or it is over: nothing we send is stored any more."""

    code = LOST


class LeasedCollector(HttpCollector):
    """Every request names the lease: the first claims the session, each renews it."""

    def __init__(self, settings: Settings, lease: Lease, lost: Callable[[], None]) -> None:
        super().__init__(settings.url, token=settings.token)
        self._lease = lease
        self._lost = lost

    def _call(
        self, query: str, field: str, values: Mapping[str, object], blocks: Sequence[bytes]
    ) -> Mapping[str, object]:
        try:
            return super()._call(
                query, field, {**values, "replay": self._lease.variables()}, blocks
            )
        except Rejected as error:
            if error.code != LOST:
                raise
            self._lost()
            raise LeaseLost(error.message) from None

    def renew(self) -> Ingested:
        """An empty batch."""
        return self.ingest([], [])
