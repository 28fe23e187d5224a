"""Projects and tokens for tests, put straight into the database."""

from __future__ import annotations

import os
from collections.abc import Sequence

from forkpoint_server.security.scopes import Scope
from forkpoint_server.security.tokens import Token, make_token
from stack import Database

EVERYTHING = tuple(Scope)


def make_project(database: Database, project_id: int) -> None:
    """One more tenant."""
    database.sql(
        "insert into project (project_id, name, settings, created_ns) "
        f"values ({project_id}, 'other', '{{}}', 0) on conflict do nothing"
    )


def give_token(
    database: Database,
    *,
    project_id: int = 1,
    scopes: Sequence[Scope] = EVERYTHING,
    expires_ns: int | None = None,
    name: str = "test",
) -> Token:
    """A stored token."""
    token = make_token("svc", os.urandom(25))
    names = ",".join(scope.value for scope in scopes)
    database.sql(
        "insert into token (token_id, project_id, name, secret_sha256, scopes, created_ns, "
        f"expires_ns) values ('{token.token_id}', {project_id}, '{name}', "
        f"'\\x{token.secret_sha256.hex()}', '{{{names}}}', 0, {expires_ns or 'null'})"
    )
    return token
