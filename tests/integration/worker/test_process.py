from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from forkpoint_server.db.engine import Database
from forkpoint_server.ingestion.runs import finish_run, start_run
from forkpoint_server.security.principals import Principal
from recorded_runs import RecordedRun
from stack import Database as Scratch

COMMAND = (sys.executable, "-m", "forkpoint_worker")


async def test_the_program_works_jobs_off_and_stops_at_sigterm(
    open_database: Database, principal: Principal, database: Scratch, tmp_path: Path
):
    run = RecordedRun()
    await start_run(open_database, principal, run.start())
    await finish_run(open_database, principal, run.end())

    environment = _environment(database, tmp_path)
    with subprocess.Popen(COMMAND, env=environment, stderr=subprocess.PIPE, text=True) as worker:
        try:
            _follow(worker, until="pack_run")
        finally:
            worker.send_signal(signal.SIGTERM)
            worker.communicate(timeout=60)

    states = database.sql(f"select distinct state from job where run_id = '{run.run_id}'")
    assert (worker.returncode, states) == (0, "done")


def test_a_wrong_setting_ends_the_program_with_2_and_its_name():
    ended = subprocess.run(COMMAND, env={"PATH": os.defpath}, capture_output=True, text=True)

    assert (ended.returncode, "FORKPOINT_DATABASE_URL" in ended.stderr) == (2, True)


def _environment(database: Scratch, data: Path) -> dict[str, str]:
    return {
        "PATH": os.defpath,
        "FORKPOINT_DATABASE_URL": database.url("worker"),
        "FORKPOINT_REDIS_URL": database.redis_url,
        "FORKPOINT_DATA": str(data),
        "PYTHONUNBUFFERED": "1",
    }


def _follow(process: subprocess.Popen[str], *, until: str) -> None:
    """Return when a done job of this kind has been logged."""
    assert process.stderr is not None
    said: list[str] = []
    for line in process.stderr:
        said.append(line)
        if "job_done" in line and until in line:
            return
    raise AssertionError("".join(said))
