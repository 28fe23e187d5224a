"""What resolvers are given: who asks, the services of the process, and this operation's loaders."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeAlias

import strawberry

from forkpoint_server.artifacts.store import BlobStore
from forkpoint_server.db.engine import Database
from forkpoint_server.diff.comparisons import Comparisons
from forkpoint_server.errors import PayloadRefused
from forkpoint_server.graphql.loaders import Loaders
from forkpoint_server.ingestion.gathering import Gathering
from forkpoint_server.ingestion.otlp.intake import OtlpIntake
from forkpoint_server.ingestion.pressure import Pressure
from forkpoint_server.live.listen import Listener
from forkpoint_server.live.publish import Publisher
from forkpoint_server.security.allowances import Allowances, Ceilings
from forkpoint_server.security.audit import audit_refused
from forkpoint_server.security.authentication import Authenticator
from forkpoint_server.security.principals import Principal
from forkpoint_server.security.quotas import Rate
from forkpoint_server.security.room import Room
from forkpoint_server.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """What one process of the service is made of; `app.py` puts it together."""

    settings: Settings
    database: Database
    blobs: BlobStore
    authenticator: Authenticator
    listener: Listener
    publisher: Callable[[int], Publisher]
    """The publisher of a project."""
    wake: Callable[[int], Awaitable[None]]
    """Wakes a worker for a new job; it would find it by itself within 5 s."""
    comparisons: Comparisons
    clock: Callable[[], int]
    """Wall clock in ns."""
    steady: Callable[[], float]
    """Clock for rates, in seconds."""
    event_rate: Rate
    """Events by token."""
    room: Room
    """Bytes of bodies in flight."""
    pressure: Pressure
    allowances: Allowances
    """Quotas of projects."""
    gathering: Gathering
    """Stores batches; small ones share a transaction."""
    otlp: OtlpIntake
    """What /v1/traces and /v1/logs bring."""

    async def admit(self, principal: Principal) -> Ceilings:
        """Asked by each door of ingestion before it reads; raises `Overloaded`, `RateLimited`."""
        self.pressure.check()
        return await self.allowances.admit(principal)

    def spend(self, principal: Principal, *, events: int, size: int) -> None:
        """Count what came; raises `RateLimited` while token or project is too fast."""
        if principal.token_id is not None:
            self.event_rate.take(principal.token_id, events, now_s=self.steady())
        self.allowances.spend(principal, events=events, size=size)


class Context:
    """Of one operation over HTTP, or of one socket. Sockets carry subscriptions only."""

    def __init__(
        self,
        services: Services,
        principal: Principal | None,
        *,
        peer: str,
        is_socket: bool,
        body_size: int = 0,
    ) -> None:
        self.services = services
        self.peer = peer
        self.is_socket = is_socket
        self.body_size = body_size
        self.connection_params: object = None
        self._principal = principal
        self._loaders: Loaders | None = None
        self._refused: list[str] = []

    @property
    def principal(self) -> Principal:
        """Who asks; on sockets known from `connection_init` on."""
        if self._principal is None:
            raise RuntimeError("the socket has not been initialised")
        return self._principal

    @property
    def loaders(self) -> Loaders:
        """The loaders of this operation; subscriptions must not use them, they never forget."""
        if self._loaders is None:
            self._loaders = Loaders(self.services.database, self.principal.project_id)
        return self._loaders

    @property
    def project_id(self) -> int:
        """The one project this caller sees."""
        return self.principal.project_id

    async def admit_batch(self) -> Ceilings:
        """Whether more can be taken in; raises `Overloaded` and `RateLimited`."""
        return await self.services.admit(self.principal)

    def take_quota(self, events: int) -> None:
        """Count events and the body that brought them; raises `RateLimited`."""
        self.services.spend(self.principal, events=events, size=self.body_size)

    def note_refused(self, payload: str, refused: PayloadRefused) -> None:
        """Remember that payload was asked for that is not to be read; not what still waits."""
        if refused.code != "payload_pending":
            self._refused.append(payload)

    async def audit_refused(self) -> None:
        """Write down what was refused: one row for the whole operation."""
        await audit_refused(
            self.services.database, self.principal, self._refused, now_ns=self.services.clock()
        )

    @property
    def token_id(self) -> str | None:
        """The token of the caller; None without one, and before a socket is initialised."""
        return self._principal.token_id if self._principal else None

    def admit(self, principal: Principal) -> None:
        """Set who is at the other end of a socket."""
        self._principal = principal


Info: TypeAlias = strawberry.Info[Context, None]
