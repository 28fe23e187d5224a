"""Whether the worker of this container has spoken with Postgres in the last 30 s.

It looks for jobs each 5 s and renews leases each 10 s, so silence means that its loop stands still.
Asked as the worker's own role, which may see only its own sessions. Exit status 1: silent.
"""

from __future__ import annotations

import asyncio
import os
import sys

import asyncpg

SPOKE = """
select exists (
  select from pg_stat_activity
  where usename = current_user
    and datname = current_database()
    and pid <> pg_backend_pid()
    and client_addr is not distinct from inet_client_addr()
    and state_change > now() - interval '30 seconds'
)
"""


async def has_spoken(url: str) -> bool:
    """Whether another session of this role, from this address, was active just now."""
    connection = await asyncpg.connect(
        url.replace("postgresql+asyncpg://", "postgresql://"), timeout=3, command_timeout=3
    )
    try:
        return bool(await connection.fetchval(SPOKE))
    finally:
        await connection.close()


def main(url: str) -> int:
    """The exit status."""
    return 0 if asyncio.run(has_spoken(url)) else 1


if __name__ == "__main__":
    sys.exit(main(os.environ["FORKPOINT_DATABASE_URL"]))
