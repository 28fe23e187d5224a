from __future__ import annotations

import uuid

import pytest
from asyncpg.exceptions import InsufficientPrivilegeError
from forkpoint_server.db.bulk import COPY_FROM, Target, insert_rows, insert_summing
from forkpoint_server.db.engine import Database, driver
from stack import Database as Scratch

HELD = Target(
    table="held_event",
    types={
        "run_id": "uuid",
        "writer": "int",
        "sequence_no": "bigint",
        "project_id": "int",
        "event_id": "bytea",
        "digest": "bytea",
        "body": "bytea",
        "received_ns": "bigint",
    },
    conflict="on conflict do nothing",
)


@pytest.mark.parametrize("count", [3, COPY_FROM + 3])
async def test_rows_are_all_there_and_only_new_ones_are_counted(
    open_database: Database, database: Scratch, count: int
):
    run = str(uuid.uuid4())
    sums: list[int] = []

    for _ in range(2):  # the second time on the same session, with its temporary table
        async with open_database.transaction(1) as connection:
            raw = await driver(connection)
            sums.append(await insert_summing(raw, HELD, _rows(run, count), column="received_ns"))

    assert sums == [7 * count, 0]
    assert database.sql(f"select count(*) from held_event where run_id = '{run}'") == str(count)


@pytest.mark.parametrize("count", [3, COPY_FROM + 3])
async def test_neither_way_writes_rows_of_another_project(open_database: Database, count: int):
    rows = _rows(str(uuid.uuid4()), count, project_id=2)

    with pytest.raises(InsufficientPrivilegeError, match="row-level security"):
        async with open_database.transaction(1) as connection:
            await insert_rows(await driver(connection), HELD, rows)


def _rows(run: str, count: int, *, project_id: int = 1) -> list[tuple[object, ...]]:
    return [(run, 0, n, project_id, b"i", b"d", b"{}", 7) for n in range(count)]
