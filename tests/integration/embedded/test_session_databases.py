"""The migrated databases that tests stand on."""

from __future__ import annotations

from collections.abc import Callable

from stack import Database


def test_a_database_is_at_the_newest_schema_and_empty(database: Database):
    assert database.sql("select count(*) from alembic_version") == "1"
    assert database.sql("select count(*) from run") == "0"


def test_databases_do_not_see_each_other(make_database: Callable[[], Database]):
    one, other = make_database(), make_database()

    one.sql("create table only_here (a int)")

    assert other.sql("select to_regclass('only_here') is null") == "t"


def test_without_a_project_the_api_role_sees_no_row(fresh_database: Database):
    assert fresh_database.sql("select count(*) from project") == "1"
    assert fresh_database.sql("select count(*) from project", role="api") == "0"
