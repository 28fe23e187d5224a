from __future__ import annotations

import asyncio

import pytest
from forkpoint_server.db import engine
from forkpoint_server.db.engine import Database, driver
from forkpoint_server.errors import Overloaded
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from stack import Database as Scratch

PROJECT = text("select current_setting('forkpoint.project', true)")


async def test_a_transaction_sees_its_project_and_the_next_one_does_not(open_database: Database):
    async with open_database.transaction(1) as connection:
        inside = await connection.scalar(text("select count(*) from project"))
    async with open_database.crossing() as connection:
        outside = await connection.scalar(text("select count(*) from project"))
        setting = await connection.scalar(PROJECT)

    assert (inside, outside, setting) == (1, 0, "")


@pytest.mark.parametrize("failure", ["error", "cancel"])
async def test_a_failed_transaction_leaves_nothing_and_its_setting_is_gone(
    open_database: Database, failure: str
):
    trouble = ValueError() if failure == "error" else asyncio.CancelledError()

    with pytest.raises((ValueError, asyncio.CancelledError)):
        async with open_database.transaction(1) as connection:
            await connection.execute(text("update project set name = 'changed'"))
            raise trouble

    async with open_database.crossing() as connection:
        assert await connection.scalar(text("select count(*) from project")) == 0
    async with open_database.reading(1) as connection:
        assert await connection.scalar(text("select name from project")) == "default"


async def test_the_raw_driver_is_in_the_same_transaction(open_database: Database):
    with pytest.raises(ValueError, match="undo"):
        async with open_database.transaction(1) as connection:
            raw = await driver(connection)
            await raw.execute("update project set name = 'changed'")
            assert await connection.scalar(text("select name from project")) == "changed"
            raise ValueError("undo")

    async with open_database.reading(1) as connection:
        assert await connection.scalar(text("select name from project")) == "default"


async def test_the_readers_pool_refuses_to_write(open_database: Database):
    with pytest.raises(DBAPIError, match="read-only"):
        async with open_database.reading(1) as connection:
            await connection.execute(text("update project set name = 'changed'"))


async def test_a_row_of_another_project_cannot_be_written(open_database: Database):
    with pytest.raises(DBAPIError, match="row-level security"):
        async with open_database.transaction(1) as connection:
            await connection.execute(
                text("insert into block_mark (project_id, digest) values (2, '')")
            )


async def test_without_a_free_connection_the_caller_is_told_to_come_back(database: Scratch):
    small = Database(database.url("api"), pool_size=1, overflow=0)
    async with small.transaction(1):
        with pytest.raises(Overloaded) as refused:
            async with small.transaction(1):
                raise AssertionError("there is no second connection")
    await small.close()

    assert refused.value.retry_after_s


async def test_a_database_that_is_away_is_overload_not_an_internal_error():
    away = Database("postgresql+asyncpg://nobody@127.0.0.1:9/none")

    with pytest.raises(Overloaded):
        await away.ping()
    await away.close()


async def test_a_transaction_that_the_database_ends_is_overload_and_the_pool_recovers(
    open_database: Database,
):
    with pytest.raises(Overloaded):
        async with open_database.transaction(1) as connection:
            raw = await driver(connection)
            await raw.execute("select pg_terminate_backend(pg_backend_pid())")

    async with open_database.transaction(1) as connection:
        assert await connection.scalar(text("select count(*) from project")) == 1


@pytest.mark.parametrize("fresh_s", [60.0, -1.0], ids=["just used", "idle"])
async def test_connections_that_the_database_closed_meanwhile_are_replaced_unseen(
    open_database: Database, database: Scratch, monkeypatch: pytest.MonkeyPatch, fresh_s: float
):
    monkeypatch.setattr(engine, "FRESH_S", fresh_s)
    for opened in (open_database.reading, open_database.transaction):
        async with opened(1) as connection:
            pid = await connection.scalar(text("select pg_backend_pid()"))
        await asyncio.to_thread(database.sql, f"select pg_terminate_backend({pid}, 5000)")

        async with opened(1) as connection:
            assert await connection.scalar(text("select pg_backend_pid()")) != pid


async def test_a_statement_over_its_time_is_overload(database: Scratch):
    impatient = Database(database.url("api"), statement_timeout_ms=50)

    with pytest.raises(Overloaded):
        async with impatient.transaction(1) as connection:
            await connection.execute(text("select pg_sleep(30)"))
    await impatient.close()
