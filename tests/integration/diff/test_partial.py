"""What is served of a comparison whose job was killed while it read payloads."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from forkpoint_server.db.engine import Database as Engine
from integration.diff.test_requests import ASKED, REQUEST, work_off
from integration.diff.test_requests import runs as runs
from serving import Service
from sqlalchemy import text
from stack import Database

WORKER = (sys.executable, "-m", "forkpoint_worker")


async def test_a_killed_job_leaves_what_needs_no_payload(
    service: Service, runs: dict[str, Any], database: Database, tmp_path: Path
):
    await work_off(database)  # what finishing the runs asks for needs blocks too
    await service.data(REQUEST, **runs)
    locked = Engine(database.url("admin"), pool_size=1)
    async with locked.transaction(1) as connection:
        await connection.execute(text("lock table block in access exclusive mode"))
        with subprocess.Popen(WORKER, env=environment(database, tmp_path)) as worker:
            found = await first_draft(service, runs)
            worker.kill()
    await locked.close()

    assert found["state"] == "running" and found["report"]["verdict"] == "different"
    assert found["report"]["counts"] == {"same": 1, "origin": 1, "propagated": 1}
    [explanation, *others] = found["report"]["report"]["missing"][::-1]
    assert explanation == {"section": "explanation", "reason": "timeout", "retry": True}
    assert [each["section"] for each in others] == ["cost"]

    database.sql("update job set lease_until = now() - interval '1 minute' where state = 'leased'")
    await work_off(database)
    whole = (await service.data(ASKED, **runs))["diffRequest"]

    assert whole["state"] == "ready"
    assert [each["section"] for each in whole["report"]["report"]["missing"]] == ["cost"]
    assert database.sql("select options from diff_report").split("\n") == ["forkpoint.diff/1"]


def environment(database: Database, data: Path) -> dict[str, str]:
    return {
        "PATH": os.defpath,
        "FORKPOINT_DATABASE_URL": database.url("worker"),
        "FORKPOINT_DATA": str(data),
    }


async def first_draft(service: Service, runs: dict[str, Any]) -> dict[str, Any]:
    """The request as soon as it has a report; the job cannot go on behind it."""
    while True:
        found = (await service.data(ASKED, **runs))["diffRequest"]
        if found["report"] is not None:
            return found
        await asyncio.sleep(0.05)
