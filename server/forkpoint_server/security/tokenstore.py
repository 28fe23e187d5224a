"""Token rows: find across projects, list, create and revoke within one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from forkpoint_server.db.engine import Database
from forkpoint_server.errors import Conflict, NotFound
from forkpoint_server.security.principals import Principal
from forkpoint_server.security.scopes import Scope
from forkpoint_server.security.tokens import Token

HOUR_NS = 3_600 * 1_000_000_000
LIVE_PER_NAME = 2
"""Two live tokens of a name let a client change over from one to the other."""

_COLUMNS = """token_id, project_id, name, secret_sha256, scopes, created_ns, expires_ns,
    last_used_ns, revoked_ns"""


@dataclass(frozen=True, slots=True)
class StoredToken:
    """What is kept of a token; the secret itself is not."""

    token_id: str
    project_id: int
    name: str
    secret_sha256: bytes
    scopes: Sequence[str]
    created_ns: int
    expires_ns: int | None
    last_used_ns: int | None
    revoked_ns: int | None

    def is_live(self, now_ns: int) -> bool:
        """Neither revoked nor past its end."""
        return self.revoked_ns is None and (self.expires_ns is None or now_ns < self.expires_ns)

    def principal(self) -> Principal:
        """Whom this token stands for; scopes of a newer version are left out."""
        known = {scope.value: scope for scope in Scope}
        scopes = frozenset(known[name] for name in self.scopes if name in known)
        return Principal(
            project_id=self.project_id, scopes=scopes, token_id=self.token_id, name=self.name
        )


async def find_token(database: Database, token_id: str) -> StoredToken | None:
    """The token of an id, whatever its project: asked before a project is known."""
    async with database.crossing() as connection:
        rows = await connection.execute(
            text(f"select {_COLUMNS} from find_token(:token_id)"), {"token_id": token_id}
        )
        row = rows.first()
    return StoredToken(*row) if row else None


async def note_use(database: Database, token: StoredToken, *, now_ns: int) -> None:
    """Remember the hour of the last use; at most one write an hour."""
    hour = now_ns - now_ns % HOUR_NS
    if token.last_used_ns is not None and token.last_used_ns >= hour:
        return
    async with database.transaction(token.project_id) as connection:
        await connection.execute(
            text("update token set last_used_ns = :hour where token_id = :token_id"),
            {"hour": hour, "token_id": token.token_id},
        )


async def live_tokens(
    connection: AsyncConnection, project_id: int, *, now_ns: int
) -> list[StoredToken]:
    """The live tokens of a project, newest first, at most 200. Index: token_by_project."""
    rows = await connection.execute(
        text(f"""
            select {_COLUMNS}
            from token
            where project_id = :project_id and revoked_ns is null
                and (expires_ns is null or expires_ns > :now_ns)
            order by created_ns desc, token_id
            limit 200
        """),
        {"project_id": project_id, "now_ns": now_ns},
    )
    return [StoredToken(*row) for row in rows]


async def store_token(
    connection: AsyncConnection,
    project_id: int,
    token: Token,
    *,
    name: str,
    scopes: frozenset[Scope],
    now_ns: int,
    expires_ns: int,
) -> StoredToken:
    """Keep a new token; raises `Conflict` if its name has two live ones already."""
    live = await live_tokens(connection, project_id, now_ns=now_ns)
    if sum(other.name == name for other in live) >= LIVE_PER_NAME:
        raise Conflict("two tokens of this name are live; revoke one of them first")
    stored = StoredToken(
        token.token_id,
        project_id,
        name,
        token.secret_sha256,
        sorted(scopes),
        now_ns,
        expires_ns,
        None,
        None,
    )
    await connection.execute(
        text("""
            insert into token
                (token_id, project_id, name, secret_sha256, scopes, created_ns, expires_ns)
            values (:token_id, :project_id, :name, :secret, cast(:scopes as text[]), :now, :expires)
        """),
        {
            "token_id": stored.token_id,
            "project_id": project_id,
            "name": name,
            "secret": stored.secret_sha256,
            "scopes": list(stored.scopes),
            "now": now_ns,
            "expires": expires_ns,
        },
    )
    return stored


async def revoke_token(
    connection: AsyncConnection, project_id: int, token_id: str, *, now_ns: int
) -> StoredToken:
    """End a token now; raises `NotFound`. Revoking twice keeps the first time."""
    rows = await connection.execute(
        text(f"""
            update token
            set revoked_ns = coalesce(revoked_ns, :now_ns)
            where token_id = :token_id and project_id = :project_id
            returning {_COLUMNS}
        """),
        {"token_id": token_id, "project_id": project_id, "now_ns": now_ns},
    )
    row = rows.first()
    if row is None:
        raise NotFound("token")
    return StoredToken(*row)


async def has_tokens(database: Database) -> bool:
    """Whether the default project holds a token that could be used."""
    async with database.reading(1) as connection:
        rows = await connection.execute(
            text("select exists (select 1 from token where project_id = 1 and revoked_ns is null)")
        )
        return bool(rows.scalar_one())
