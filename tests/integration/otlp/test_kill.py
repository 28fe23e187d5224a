from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from pathlib import Path

import httpx2
from otlp_fixtures import publish, the_opener
from stack import Database
from traces import PROTOBUF, agent_trace


async def _ready(client: httpx2.AsyncClient) -> None:
    while True:
        try:
            if (await client.get("/readyz")).status_code == 200:
                return
        except httpx2.TransportError:
            await asyncio.sleep(0.02)


async def test_what_was_answered_with_200_survives_a_kill_and_a_repetition_adds_nothing(
    fresh_database: Database, tmp_path: Path
):
    await publish(fresh_database, the_opener())
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {
        **{k: v for k, v in os.environ.items() if not k.startswith("FORKPOINT_")},
        "FORKPOINT_DATABASE_URL": fresh_database.url(),
        "FORKPOINT_DATA": str(tmp_path),
        "FORKPOINT_PORT": str(port),
    }
    trace = agent_trace(steps=20)

    for _ in range(2):  # the second time as an exporter that never got its answer
        api = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "forkpoint_server", env=environment
        )
        async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
            await _ready(client)
            answer = await client.post("/v1/traces", content=trace.body(), headers=PROTOBUF)
            api.send_signal(signal.SIGKILL)
        await api.wait()
        assert answer.status_code == 200

        assert fresh_database.sql("select head, step_count from run") == "41\t21"
        counts = "select (select count(*) from event), (select count(*) from step)"
        assert fresh_database.sql(counts) == "42\t21"
        assert int(fresh_database.sql("select count(*) from staged_body")) >= 1
