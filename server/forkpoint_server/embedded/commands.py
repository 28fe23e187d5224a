"""`up`, `down` and `status`: what the command line asks of a data directory."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence

from forkpoint_server.embedded.children import tail_of
from forkpoint_server.embedded.errors import DirectoryInUse
from forkpoint_server.embedded.lock import current_holder
from forkpoint_server.embedded.paths import DataLayout
from forkpoint_server.embedded.report import Report
from forkpoint_server.embedded.settings import EmbeddedSettings
from forkpoint_server.embedded.stack import Commands
from forkpoint_server.embedded.state import RunningStack, read_state
from forkpoint_server.embedded.supervisor import TROUBLE, keep_up

NOT_RUNNING = 1
_SUPERVISOR = (sys.executable, "-m", "forkpoint_server.embedded", "up")
_START_SECONDS = 180  # the cold page cache of a slow disk, and migrations
_STOP_SECONDS = 200  # the API drains, then Postgres writes its last checkpoint


def up(settings: EmbeddedSettings, report: Report, *, commands: Commands | None = None) -> int:
    """Start the stack and keep it, or say where one is running already."""
    layout = DataLayout(settings.data)
    if running := _wait_while_starting(layout):
        return _already(running, report)
    report.open(settings.data)
    return keep_up(settings, report, commands=commands)


def up_detached(
    settings: EmbeddedSettings, report: Report, *, supervisor_command: Sequence[str] = _SUPERVISOR
) -> int:
    """Start the stack in the background and return when it is ready."""
    layout = DataLayout(settings.data)
    if running := _wait_while_starting(layout):
        return _already(running, report)
    layout.create()
    log = layout.log("up")
    with log.open("wb") as output:
        supervisor = subprocess.Popen(
            supervisor_command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env={
                **settings.environment,
                "FORKPOINT_DATA": str(settings.data),
                "FORKPOINT_PORT": str(settings.port),
            },
        )
    try:
        _wait_for(
            lambda: _is_ready(layout) or supervisor.poll() is not None, seconds=_START_SECONDS
        )
    except KeyboardInterrupt:
        supervisor.terminate()
        raise
    running = read_state(layout)
    if running is None:
        report.failed(f"it did not start; its log is {log}", tail=tail_of(log))
        return TROUBLE
    supervisor.returncode = 0  # it outlives us on purpose: no "still running" warning
    report.say(f"Forkpoint is up at {running.url}; `forkpoint down` ends it.")
    return 0


def down(settings: EmbeddedSettings, report: Report) -> int:
    """End the stack of this data directory and wait until it is gone."""
    layout = DataLayout(settings.data)
    holder = current_holder(layout)
    if holder is None:
        report.say(f"nothing runs in {settings.data}")
        return 0
    with contextlib.suppress(ProcessLookupError):
        os.kill(holder.number, signal.SIGTERM)
    if not _wait_for(lambda: not holder.is_alive(), seconds=_STOP_SECONDS):
        report.failed(f"process {holder.number} does not end; its logs are in {layout.logs}")
        return TROUBLE
    report.say("Stopped; everything is kept.")
    return 0


def status(settings: EmbeddedSettings, report: Report, *, as_json: bool) -> int:
    """Say whether a stack runs here; exit status 1 if not."""
    layout = DataLayout(settings.data)
    running, holder = read_state(layout), current_holder(layout)
    if as_json:
        facts = {
            "state": "running" if running else "starting" if holder else "stopped",
            "url": running.url if running else None,
            "pid": holder.number if holder else None,
            "data": str(settings.data),
        }
        report.say(json.dumps(facts))
    elif running:
        report.say(f"running at {running.url} (process {running.supervisor.number})")
    else:
        words = f"starting (process {holder.number})" if holder else "nothing runs"
        report.say(f"{words} in {settings.data}")
    return 0 if running else NOT_RUNNING


def _already(running: RunningStack, report: Report) -> int:
    report.say(f"already running at {running.url}")
    return 0


def _wait_while_starting(layout: DataLayout) -> RunningStack | None:
    """The stack that runs here, once it is ready; None if nobody holds the directory."""
    holder = current_holder(layout)
    if holder is None:
        return None
    _wait_for(lambda: _is_ready(layout) or not holder.is_alive(), seconds=_START_SECONDS)
    if holder.is_alive() and not _is_ready(layout):
        raise DirectoryInUse(layout.root, holder=holder.number)
    return read_state(layout)


def _is_ready(layout: DataLayout) -> bool:
    return read_state(layout) is not None


def _wait_for(condition: Callable[[], bool], *, seconds: float) -> bool:
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True
