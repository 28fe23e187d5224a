"""What a project may bring in: events a second, bytes a day, open runs, bytes of one event.

Sums are kept by each process and brought to Postgres every few seconds, so a quota can be overrun
by what all processes take in that time, and a killed process forgets as much. Nothing is asked of
the database for each request.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Self

import orjson

from forkpoint_server.db.engine import Database, driver
from forkpoint_server.errors import RateLimited
from forkpoint_server.security.principals import Principal
from forkpoint_server.security.quotas import Rate
from forkpoint_server.settings import Quotas

BELIEVED_S = 5.0
"""How long the sum and the quotas of a project are believed."""
_DAY_NS = 86_400 * 10**9
_BURST_S = 5
"""Seconds of the rate that may come at once."""


@dataclass(slots=True, kw_only=True)
class _Account:
    """One project, as this process knows it."""

    quotas: Quotas
    rate: Rate
    day: int
    used: int
    """Bytes of that day in Postgres, of all processes."""
    pending: int = 0
    """Bytes that this process took since."""
    read_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Ceilings:
    """What is left to be looked at where events are stored; None: unbounded."""

    open_runs: int | None = None
    event_bytes: int | None = None

    @classmethod
    def of(cls, quotas: Quotas) -> Self:
        """The part of the quotas that is not a matter of time."""
        return cls(open_runs=quotas.open_runs, event_bytes=quotas.event_bytes)


class Allowances:
    """The accounts of one process. Callers without a token, on loopback, have no quota."""

    def __init__(
        self,
        database: Database,
        defaults: Quotas,
        *,
        clock: Callable[[], int],
        steady: Callable[[], float],
    ) -> None:
        self._database = database
        self._defaults = defaults
        self._clock = clock
        self._steady = steady
        self._accounts: dict[int, _Account] = {}
        self._reading = asyncio.Lock()

    async def admit(self, principal: Principal) -> Ceilings:
        """Look before a body is read; raises `RateLimited` once the bytes of the day are used."""
        if principal.token_id is None:
            return Ceilings()
        account = await self._account(principal.project_id)
        allowed = account.quotas.daily_bytes
        if allowed is not None and account.used + account.pending >= allowed:
            raise RateLimited(
                f"the project has brought its {allowed} bytes of today (UTC)",
                retry_after_s=(_DAY_NS - self._clock() % _DAY_NS) // 10**9 + 1,
                quota="daily_bytes",
                allowed=allowed,
            )
        return Ceilings.of(account.quotas)

    def spend(self, principal: Principal, *, events: int, size: int) -> None:
        """Count what a request brought; raises `RateLimited` while the project is too fast."""
        account = self._accounts.get(principal.project_id)
        if principal.token_id is None or account is None:
            return
        if account.quotas.events_per_second is not None:
            account.rate.take("project", events, now_s=self._steady())
        account.pending += size

    async def settle(self) -> None:
        """Bring all sums to Postgres; called when the process ends."""
        for project_id in list(self._accounts):
            if self._accounts[project_id].pending:
                await self._read(project_id)

    async def _account(self, project_id: int) -> _Account:
        account = self._accounts.get(project_id)
        if account is not None and (self._is_fresh(account) or self._reading.locked()):
            return account  # one reads anew, the others go on with what was known
        async with self._reading:
            account = self._accounts.get(project_id)
            if account is None or not self._is_fresh(account):
                account = await self._read(project_id)
        return account

    def _is_fresh(self, account: _Account) -> bool:
        is_today = account.day == self._clock() // _DAY_NS
        return is_today and self._steady() - account.read_s <= BELIEVED_S

    async def _read(self, project_id: int) -> _Account:
        """Add what is pending to the day it was counted in; read quotas and the sum of today."""
        before = self._accounts.get(project_id)
        day = self._clock() // _DAY_NS
        pending = 0 if before is None else before.pending
        async with self._database.transaction(project_id) as connection:
            raw = await driver(connection)
            if before is not None and pending:
                await raw.execute(_ADD, project_id, before.day, pending)
            row = await raw.fetchrow(_READ, project_id, day)
        quotas = _quotas(orjson.loads(row[0] or "{}"), self._defaults)
        if before is None or before.quotas != quotas:
            rate = quotas.events_per_second or 1
            fresh = Rate(per_second=rate, burst=rate * _BURST_S)
        else:
            fresh = before.rate
        # others may have spent while this one waited for the database
        more = 0 if before is None else before.pending - pending
        account = _Account(
            quotas=quotas,
            rate=fresh,
            day=day,
            used=row[1],
            pending=more,
            read_s=self._steady(),
        )
        self._accounts[project_id] = account
        return account


def _quotas(settings: Mapping[str, object], defaults: Quotas) -> Quotas:
    """`project.settings["quotas"]` over the defaults: a positive number is a bound, 0 is none."""

    def bound(name: str, default: int | None) -> int | None:
        value = settings.get(name)
        if isinstance(value, bool) or not isinstance(value, int) or value < 0:
            return default
        return value or None

    return Quotas(
        events_per_second=bound("events_per_second", defaults.events_per_second),
        daily_bytes=bound("daily_bytes", defaults.daily_bytes),
        open_runs=bound("open_runs", defaults.open_runs),
        event_bytes=bound("event_bytes", defaults.event_bytes),
    )


_ADD = """
insert into usage_day (project_id, day, bytes)
values ($1, $2, $3)
on conflict (project_id, day) do update
set bytes = usage_day.bytes + excluded.bytes
"""
_READ = """
select (settings -> 'quotas')::text,
  coalesce((select bytes from usage_day where usage_day.project_id = $1 and day = $2), 0)
from project
where project_id = $1
"""
