"""What a running stack tells others: its address and its process, in DATA/up.json."""

from __future__ import annotations

import json
from dataclasses import dataclass

from forkpoint_server.embedded.paths import DataLayout
from forkpoint_server.embedded.processes import ProcessMark


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningStack:
    """A stack that answered /readyz, and the supervisor that keeps it."""

    url: str
    supervisor: ProcessMark


def write_state(layout: DataLayout, running: RunningStack) -> None:
    """Say that the stack is ready; readers never see half a file."""
    content = {
        "url": running.url,
        "pid": running.supervisor.number,
        "began": running.supervisor.began,
    }
    unfinished = layout.state.with_suffix(".new")
    unfinished.write_text(json.dumps(content))
    unfinished.rename(layout.state)


def read_state(layout: DataLayout) -> RunningStack | None:
    """The stack that runs in this directory and is ready; None if there is none."""
    try:
        content = json.loads(layout.state.read_text())
        supervisor = ProcessMark(content["pid"], content["began"])
        running = RunningStack(url=content["url"], supervisor=supervisor)
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None
    return running if supervisor.is_alive() else None


def remove_state(layout: DataLayout) -> None:
    """Say that it is gone."""
    layout.state.unlink(missing_ok=True)
