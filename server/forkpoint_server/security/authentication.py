"""From a bearer token, or its absence on this machine, to a principal."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace

from forkpoint_server.db.engine import Database
from forkpoint_server.errors import RateLimited, Unauthenticated
from forkpoint_server.security.principals import Principal, loopback_principal
from forkpoint_server.security.quotas import Rate
from forkpoint_server.security.tokens import Token, read_token
from forkpoint_server.security.tokenstore import StoredToken, find_token, note_use
from forkpoint_server.settings import Settings

CACHED_S = 10.0
"""How long a good token is believed without asking the database again."""
_CACHE_ROWS = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """The other end of a connection, as the socket says; no forwarding header is believed."""

    address: str
    is_loopback: bool


class Authenticator:
    """Checks tokens. Refused ones are counted by address, good ones are cached for seconds."""

    def __init__(
        self,
        database: Database,
        settings: Settings,
        *,
        wall_ns: Callable[[], int],
        steady_s: Callable[[], float],
    ) -> None:
        self._database = database
        self._settings = settings
        self._wall_ns = wall_ns
        self._steady_s = steady_s
        failures = settings.limits.failed_logins
        self._failures = Rate(per_second=failures / 60, burst=failures)
        self._known: OrderedDict[str, tuple[float, StoredToken]] = OrderedDict()

    async def principal(self, bearer: str | None, peer: Peer) -> Principal:
        """Who shows this token; raises `Unauthenticated`, or `RateLimited` after many failures."""
        if bearer is None:
            if peer.is_loopback and not self._settings.require_token:
                return replace(loopback_principal(), address=peer.address)
            raise Unauthenticated
        if self._failures.is_in_debt(peer.address, now_s=self._steady_s()):
            raise RateLimited("too many refused tokens from this address", retry_after_s=3)
        token = read_token(bearer)
        stored = await self._stored(token) if token else None
        if stored is None:
            self._failures.take(peer.address, 1, now_s=self._steady_s())
            raise Unauthenticated
        return replace(stored.principal(), address=peer.address)

    async def is_still_valid(self, principal: Principal) -> bool:
        """Whether the token behind an open socket has been neither revoked nor outlived."""
        if principal.token_id is None:
            return True
        stored = await find_token(self._database, principal.token_id)
        return stored is not None and stored.is_live(self._wall_ns())

    def forget(self, token_id: str) -> None:
        """Ask the database the next time this token is shown."""
        self._known.pop(token_id, None)

    async def _stored(self, token: Token) -> StoredToken | None:
        """The row of a token if it is live and the secret is right."""
        at_s, stored = self._known.get(token.token_id, (0.0, None))
        if stored is None or self._steady_s() - at_s > CACHED_S:
            stored = await find_token(self._database, token.token_id)
        if stored is None or not token.matches(stored.secret_sha256):
            return None
        if not stored.is_live(self._wall_ns()):
            return None
        if token.token_id not in self._known or self._steady_s() - at_s > CACHED_S:
            self._known[token.token_id] = (self._steady_s(), stored)
            await note_use(self._database, stored, now_ns=self._wall_ns())
        while len(self._known) > _CACHE_ROWS:
            self._known.popitem(last=False)
        return stored


def bearer_of(authorization: str | None) -> str | None:
    """The token in an Authorization header; raises `Unauthenticated` for another scheme."""
    if authorization is None:
        return None
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise Unauthenticated
    return token.strip()
