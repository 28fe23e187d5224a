"""Make a token with every scope and show it, once: the API serves nobody without a token.

Runs as the role that owns the tables; later tokens are made with `forkpoint token create`.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import time

import asyncpg
from forkpoint_server.security.scopes import ALL_SCOPES
from forkpoint_server.security.tokens import (
    DAY_NS,
    DEFAULT_DAYS,
    ID_BYTES,
    SECRET_BYTES,
    Token,
    make_token,
)

INSERT = """
insert into token (token_id, project_id, name, secret_sha256, scopes, created_ns, expires_ns)
values ($1, 1, 'first', $2, $3, $4, $5)
"""


async def store(url: str, token: Token, *, now_ns: int) -> None:
    """Keep the digest of its secret, for 90 days, in the first project."""
    connection = await asyncpg.connect(url.replace("postgresql+asyncpg://", "postgresql://"))
    try:
        scopes = sorted(ALL_SCOPES)
        expires_ns = now_ns + DEFAULT_DAYS * DAY_NS
        values = (token.token_id, token.secret_sha256, scopes, now_ns, expires_ns)
        await connection.execute(INSERT, *values)
    finally:
        await connection.close()


def main(url: str) -> None:
    """Print the token; nobody can show it again."""
    token = make_token("pat", secrets.token_bytes(ID_BYTES + SECRET_BYTES))
    asyncio.run(store(url, token, now_ns=time.time_ns()))
    print(token.text)


if __name__ == "__main__":
    main(os.environ["FORKPOINT_MIGRATION_URL"])
