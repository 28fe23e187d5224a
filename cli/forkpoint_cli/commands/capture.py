"""`forkpoint capture -- CMD`: run a program with recording on and say which runs it made."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Mapping, Sequence
from typing import cast

import click
from rich.text import Text

from forkpoint_cli.errors import CliError
from forkpoint_cli.output import styled_status
from forkpoint_cli.session import Session, pass_session

_SINCE = """
query ($first: Int!, $filter: RunFilter) {
  runs(first: $first, filter: $filter, orderBy: STARTED_ASC) {
    nodes { id name status stepCount errorCount }
  }
}
"""
_PROJECT = "query { project { name } }"


@click.command(context_settings={"ignore_unknown_options": True})
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
@pass_session
def capture(session: Session, command: tuple[str, ...]) -> None:
    """Run COMMAND with FORKPOINT_URL set; its exit status becomes ours."""
    session.service.ask(_PROJECT)
    began = time.time_ns()
    status = run_child(command, environment(session))
    found = session.service.ask(_SINCE, first=200, filter={"since": str(began)})
    page = cast("Mapping[str, object]", found["runs"])
    nodes = cast("Sequence[Mapping[str, object]]", page["nodes"])
    for run in nodes:
        words = f"  {run['name']}  {run['stepCount']} steps"
        session.output.remark(styled_status(str(run["status"])), words)
        session.output.remark("  ", Text(session.settings.run_url(str(run["id"])), style="cyan"))
    if not nodes:
        session.output.remark(
            Text("nothing was recorded", style="yellow"),
            "; does the program open a forkpoint.run()?",
        )
    raise SystemExit(status)


def environment(session: Session) -> dict[str, str]:
    """What a program needs in order to record into the service we talk to."""
    token = session.settings.token
    return {
        **os.environ,
        "FORKPOINT_URL": session.settings.url,
        "FORKPOINT_DATA": str(session.settings.data),
        **({"FORKPOINT_TOKEN": token} if token else {}),
    }


def run_child(command: Sequence[str], environment: Mapping[str, str]) -> int:
    """Run to the end; 128 + n for a program that signal n ended."""
    try:
        status = subprocess.run(command, env=environment, check=False).returncode
    except OSError as error:
        raise CliError(f"cannot run {command[0]}: {error.strerror}") from None
    return status if status >= 0 else 128 - status
