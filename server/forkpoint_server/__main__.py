"""`python -m forkpoint_server`: serve the API with uvicorn.

Exit status 2: a setting is wrong, or the address can be reached from elsewhere while tokens are not
demanded or none exists.
"""

from __future__ import annotations

import asyncio
import gc
import os
import sys

import uvicorn

from forkpoint_server.app import create_app
from forkpoint_server.db.engine import Database
from forkpoint_server.errors import ServerError
from forkpoint_server.security.tokenstore import has_tokens
from forkpoint_server.settings import Settings, SettingsError
from forkpoint_server.telemetry import configure_logging

KEEP_ALIVE_S = 75
PING_S = 20.0
DRAIN_S = 25
REFUSED = 2
COLLECT = (20_000, 20, 20)
"""When cyclic garbage is looked for. The default, each 700 new containers, was a tenth of the CPU
of ingestion, which makes hundreds of thousands a second and no cycle."""


SWITCH_S = 0.0005
"""How soon a thread that reads a long batch lets the event loop go on; the default, 5 ms, was paid
at each of the dozen answers of Postgres that another batch waits for."""


def main() -> int:
    """Check the loopback rule, then serve until SIGTERM or SIGINT."""
    configure_logging()
    try:
        settings = Settings.from_environment(os.environ)
        refusal = asyncio.run(bind_refusal(settings))
    except (SettingsError, ServerError) as error:
        refusal = str(error)
    else:
        if refusal is None:
            serve(settings)
            return 0
    print(f"forkpoint-server: {refusal}", file=sys.stderr)
    return REFUSED


async def bind_refusal(settings: Settings) -> str | None:
    """Why this address must not be served; None if it may be."""
    if settings.is_loopback:
        return None
    if not settings.require_token:
        return f"{settings.host} is no loopback address: set FORKPOINT_REQUIRE_TOKEN=1"
    database = Database(settings.database_url, pool_size=1, overflow=0)
    try:
        if await has_tokens(database):
            return None
    finally:
        await database.close()
    return f"{settings.host} is no loopback address and there is no token: create one first"


def serve(settings: Settings) -> None:
    """Run uvicorn in this process."""
    gc.freeze()
    gc.set_threshold(*COLLECT)
    sys.setswitchinterval(SWITCH_S)
    uvicorn.run(
        create_app(settings),
        host=settings.host,
        port=settings.port,
        loop="auto" if sys.platform == "win32" else "uvloop",
        http="httptools",
        ws_max_size=settings.limits.socket_message,
        ws_ping_interval=PING_S,
        ws_ping_timeout=PING_S,
        ws_per_message_deflate=False,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=DRAIN_S,
        h11_max_incomplete_event_size=settings.limits.header,
        proxy_headers=False,
        server_header=False,
        access_log=False,
        log_level="warning",
    )


if __name__ == "__main__":
    sys.exit(main())
