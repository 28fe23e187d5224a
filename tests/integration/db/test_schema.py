from __future__ import annotations

import pytest
from forkpoint_server.db.migrate import upgrade
from forkpoint_server.db.tables import metadata
from stack import Database as Scratch


@pytest.mark.parametrize("table", sorted(metadata.tables))
def test_a_table_is_what_the_migrations_made(database: Scratch, table: str):
    rows = database.sql(
        "select a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull "
        f"from pg_attribute a where a.attrelid = '{table}'::regclass "
        "and a.attnum > 0 and not a.attisdropped order by a.attname"
    )
    made = [tuple(row.split("\t")) for row in rows.splitlines()]

    assert made == sorted(
        (column.name, _type(str(column.type)), "f" if column.nullable else "t")
        for column in metadata.tables[table].columns
    )


def test_migrating_again_changes_nothing(database: Scratch):
    before = database.sql("select version_num from alembic_version")

    upgrade(database.url("owner"))

    assert database.sql("select version_num from alembic_version") == before


@pytest.mark.parametrize(
    "table", sorted(name for name, each in metadata.tables.items() if "project_id" in each.columns)
)
def test_a_select_without_a_filter_sees_no_foreign_row(database: Scratch, table: str):
    forced = database.sql(
        "select relrowsecurity and relforcerowsecurity from pg_class "
        f"where oid = '{table}'::regclass"
    )
    seen = database.sql(f"select count(*) from {table}", role="api")

    assert (forced, seen) == ("t", "0")


def test_partitions_cannot_be_reached_around_the_policy(database: Scratch):
    granted = database.sql(
        "select count(*) from pg_class where relispartition and relkind = 'r' and "
        "(has_table_privilege('fp_api', oid, 'select') "
        "or has_table_privilege('fp_worker', oid, 'select'))"
    )

    assert granted == "0"


def _type(name: str) -> str:
    return {
        "INTEGER": "integer",
        "BIGINT": "bigint",
        "SMALLINT": "smallint",
        "BOOLEAN": "boolean",
        "TEXT": "text",
        "BLOB": "bytea",
        "JSONB": "jsonb",
        "UUID": "uuid",
        "CHAR(32)": "uuid",
        "ARRAY": "text[]",
        "DATETIME": "timestamp with time zone",
    }[name]
