"""One database, two pools: writers and readers cannot starve each other.

Every transaction belongs to one project: row level security shows it the rows of that project and
of no other. Outside these transactions no row is visible at all.
"""

from __future__ import annotations

import math
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Protocol, cast

from asyncpg.exceptions import (  # pyright: ignore[reportMissingTypeStubs] - it has none
    AdminShutdownError,
    CannotConnectNowError,
    CrashShutdownError,
    DeadlockDetectedError,
    InterfaceError,
    PostgresConnectionError,
    QueryCanceledError,
    TooManyConnectionsError,
)
from sqlalchemy import event, text
from sqlalchemy.exc import DBAPIError, DisconnectionError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry

from forkpoint_server.errors import Overloaded
from forkpoint_server.settings import async_url

STATEMENT_TIMEOUT_MS = 5_000
IDLE_IN_TRANSACTION_MS = 10_000
POOL_WAIT_S = 2.0
"""Longest wait for a connection of the pool before the caller is told to come back."""

_AWAY = (CannotConnectNowError, PostgresConnectionError, TooManyConnectionsError, OSError)
_LOST = (
    AdminShutdownError,
    CannotConnectNowError,
    CrashShutdownError,
    DeadlockDetectedError,
    InterfaceError,
    PostgresConnectionError,
    QueryCanceledError,
)
"""What a statement may meet that has nothing to do with it: the same request can be sent again."""
_TENANT = text("select set_config('forkpoint.project', :project, true)")

FRESH_S = 5.0
"""Seconds for which a connection that worked is taken to work still."""
_LEFT = "left_s"


class Driver(Protocol):
    """The part of an asyncpg connection that bulk statements need; arguments are `$1`, `$2`, ..."""

    async def execute(self, query: str, *args: object) -> str:
        """Run one statement and return its command tag, e.g. `UPDATE 3`."""
        ...

    async def fetch(self, query: str, *args: object) -> list[Any]:
        """All rows, as records that read by name and by index."""
        ...

    async def fetchrow(self, query: str, *args: object) -> Any:
        """The first row, or None."""
        ...

    async def fetchval(self, query: str, *args: object) -> Any:
        """The first column of the first row, or None."""
        ...

    async def copy_records_to_table(
        self, table_name: str, *, records: object, columns: Sequence[str]
    ) -> str:
        """COPY rows into a table without row level security (Postgres refuses it elsewhere)."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class _Pool:
    size: int
    overflow: int
    statement_timeout_ms: int


class Database:
    """The engine of one process. `reading` has a pool of its own and refuses to write."""

    def __init__(
        self,
        url: str,
        *,
        pool_size: int = 8,
        overflow: int = 4,
        statement_timeout_ms: int = STATEMENT_TIMEOUT_MS,
    ) -> None:
        pool = _Pool(size=pool_size, overflow=overflow, statement_timeout_ms=statement_timeout_ms)
        self._writers = _engine(url, pool, read_only=False)
        self._readers = _engine(url, pool, read_only=True)

    @asynccontextmanager
    async def transaction(self, project_id: int) -> AsyncGenerator[AsyncConnection]:
        """One transaction of one project; committed at the end, rolled back by any exception.

        Raises `Overloaded` if no connection is free within 2 s or the database is away.
        """
        async with _begin(self._writers, project_id) as connection:
            yield connection

    @asynccontextmanager
    async def reading(self, project_id: int) -> AsyncGenerator[AsyncConnection]:
        """As `transaction`, read-only, from the readers' pool."""
        async with _begin(self._readers, project_id) as connection:
            yield connection

    @asynccontextmanager
    async def crossing(self) -> AsyncGenerator[AsyncConnection]:
        """A transaction of no project: it sees no row but through the owner's functions."""
        async with _begin(self._writers, None) as connection:
            yield connection

    async def ping(self) -> None:
        """Return if the database answers; raises `Overloaded` if not."""
        async with _begin(self._readers, None) as connection:
            await connection.execute(text("select 1"))

    async def close(self) -> None:
        """Close both pools."""
        await self._writers.dispose()
        await self._readers.dispose()


async def driver(connection: AsyncConnection) -> Driver:
    """The asyncpg connection below, in the same transaction: for unnest, COPY and binary rows."""
    raw = await connection.get_raw_connection()
    # asyncpg comes without type stubs; `Driver` is the part we use.
    return cast("Driver", raw.driver_connection)


@asynccontextmanager
async def _begin(engine: AsyncEngine, project_id: int | None) -> AsyncGenerator[AsyncConnection]:
    try:
        connection = await engine.connect()
    except PoolTimeout:
        raise Overloaded("no database connection was free in 2 s; send it again") from None
    except (*_AWAY, DBAPIError) as error:
        raise Overloaded("the database is away; send it again") from error
    try:
        async with connection.begin():
            tenant = "" if project_id is None else str(project_id)
            await connection.execute(_TENANT, {"project": tenant})
            yield connection
    except _LOST as error:
        raise Overloaded("the database ended the transaction; send it again") from error
    except DBAPIError as error:
        if error.connection_invalidated or isinstance(error.driver_exception, _LOST):
            raise Overloaded("the database ended the transaction; send it again") from error
        raise
    finally:
        await connection.close()


def _engine(url: str, pool: _Pool, *, read_only: bool) -> AsyncEngine:
    settings = {
        "statement_timeout": str(pool.statement_timeout_ms),
        "idle_in_transaction_session_timeout": str(IDLE_IN_TRANSACTION_MS),
        "default_transaction_read_only": "on" if read_only else "off",
        # a reader sees one state: which rows a fork shares, and then those rows
        "default_transaction_isolation": "repeatable read" if read_only else "read committed",
        "application_name": "forkpoint",
    }
    engine = create_async_engine(
        async_url(url),
        pool_size=pool.size,
        max_overflow=pool.overflow,
        pool_timeout=POOL_WAIT_S,
        pool_use_lifo=True,  # the connection used last has its statements prepared
        connect_args={
            "server_settings": settings,
            "timeout": POOL_WAIT_S,
        },
    )
    event.listen(engine.sync_engine, "checkin", _left)
    event.listen(engine.sync_engine, "checkout", _looked_at)
    return engine


def _left(_connection: object, record: ConnectionPoolEntry) -> None:
    record.info[_LEFT] = time.monotonic()


def _looked_at(connection: Any, record: ConnectionPoolEntry, _proxy: object) -> None:
    """Have a connection that is gone replaced by a new one before it is used.

    As `pool_pre_ping`, whose four round trips are half of what a short transaction costs: asked is
    only one that nobody used for a while. That a socket was closed is known without asking.
    """
    if connection.driver_connection.is_closed():
        raise DisconnectionError("the connection was closed")
    if time.monotonic() - record.info.get(_LEFT, math.inf) > FRESH_S:
        try:
            connection.ping()
        except (connection.dbapi.Error, OSError) as error:
            raise DisconnectionError("the connection does not answer") from error
