"""Many rows into one table in one go, under row level security.

Postgres refuses COPY into tables with row level security. Few rows go as arrays through `unnest`;
many are copied into a temporary table of the session and inserted from there. That costs the client
less (COPY encodes rows as they are, arrays are looked into value by value) and Postgres a little
more: the table is filled, read and emptied.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from forkpoint_server.db.engine import Driver

COPY_FROM = 1_000
"""Rows from which the way by the temporary table is the shorter one."""


PROJECT = "current_setting('forkpoint.project')::int"
"""The project of the transaction, as an expression."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A table, the columns that rows bring (in their order) and what a conflict does."""

    table: str
    types: Mapping[str, str]
    derived: Mapping[str, str] = field(default_factory=dict[str, str])
    """Further columns, each with the expression over the others that gives it."""
    conflict: str = ""
    staging: str = ""
    """Name of the temporary table; default: after the table. Other columns need another one."""

    @property
    def columns(self) -> str:
        """Those that rows bring, by comma."""
        return ", ".join(self.types)


async def insert_rows(driver: Driver, into: Target, rows: Sequence[tuple[object, ...]]) -> None:
    """Insert rows, in their order."""
    if rows:
        source, arguments = await _source(driver, into, rows)
        await driver.execute(_insert(into, source), *arguments)


async def insert_columns(driver: Driver, into: Target, columns: Sequence[Sequence[object]]) -> None:
    """As `insert_rows`, for values that stand in columns already."""
    if not columns[0]:
        return
    if len(columns[0]) < COPY_FROM:
        await driver.execute(_insert(into, _arrays(into)), *columns)
    else:
        await insert_rows(driver, into, list(zip(*columns, strict=True)))


async def insert_summing(
    driver: Driver, into: Target, rows: Sequence[tuple[object, ...]], *, column: str
) -> int:
    """As `insert_rows`; the sum of a column over the rows that were written."""
    if not rows:
        return 0
    source, arguments = await _source(driver, into, rows)
    statement = f"""
        with written as ({_insert(into, source)} returning {column})
        select coalesce(sum({column}), 0)::bigint from written
        """
    return await driver.fetchval(statement, *arguments)


def _insert(into: Target, source: str) -> str:
    names = ", ".join((*into.types, *into.derived))
    values = ", ".join((*into.types, *into.derived.values()))
    return f"insert into {into.table} ({names}) select {values} from {source} {into.conflict}"


def _arrays(into: Target) -> str:
    kinds = ", ".join(f"${n}::{kind}[]" for n, kind in enumerate(into.types.values(), start=1))
    return f"unnest({kinds}) as new ({into.columns})"


async def _source(
    driver: Driver, into: Target, rows: Sequence[tuple[object, ...]]
) -> tuple[str, Sequence[object]]:
    """What to select the rows from, and its arguments."""
    if len(rows) < COPY_FROM:
        return _arrays(into), list(zip(*rows, strict=True))
    name = into.staging or f"bulk_{into.table}"
    # of the session, and empty again after each transaction; no tenant's row outlives its own
    await driver.execute(
        f"create temp table if not exists {name} on commit delete rows "
        f"as select {into.columns} from {into.table} with no data"
    )
    await driver.copy_records_to_table(name, records=rows, columns=list(into.types))
    return f"pg_temp.{name}", ()
