"""Runs the migrations over asyncpg, one at a time in the whole cluster.

A session-level advisory lock makes a second migrator wait; `lock_timeout` makes a migration give up
rather than stand in the queue before a table that is in use.
"""

from __future__ import annotations

import asyncio

from alembic import context
from forkpoint_server.db.tables import metadata
from sqlalchemy import Connection, pool, text
from sqlalchemy.ext.asyncio import create_async_engine

MIGRATION_LOCK = 0x666F726B
LOCK_TIMEOUT = "5s"


def _migrate(connection: Connection) -> None:
    context.configure(
        connection=connection, target_metadata=metadata, transaction_per_migration=True
    )
    with context.begin_transaction():
        context.run_migrations()


async def _run(url: str) -> None:
    engine = create_async_engine(url, poolclass=pool.NullPool)
    try:
        async with engine.connect() as connection:
            await connection.execute(text("select pg_advisory_lock(:key)"), {"key": MIGRATION_LOCK})
            await connection.execute(text(f"set lock_timeout = '{LOCK_TIMEOUT}'"))
            await connection.commit()
            await connection.run_sync(_migrate)
            await connection.commit()
    finally:
        await engine.dispose()


asyncio.run(_run(context.config.attributes["url"]))
