"""`forkpoint up` and `forkpoint down`: the whole service on this machine."""

from __future__ import annotations

import importlib.util
import os
import sys

import click

from forkpoint_cli.errors import CliError
from forkpoint_cli.session import Session, pass_session

EMBEDDED = "forkpoint_server.embedded"


_DATA = click.option("--data", help="Data directory; default FORKPOINT_DATA, ~/.forkpoint.")


@click.command()
@_DATA
@click.option("--port", type=int, help="Of the API; default 4600, 0 takes any free one.")
@click.option("--detach", is_flag=True, help="Start in the background and return.")
@pass_session
def up(session: Session, data: str | None, port: int | None, detach: bool) -> None:
    """Start everything on this machine and keep it until Ctrl-C."""
    words = [] if port is None else ["--port", str(port)]
    _become_embedded(session, data, "up", *words, *(["--detach"] if detach else []))


@click.command()
@_DATA
@pass_session
def down(session: Session, data: str | None) -> None:
    """End what `forkpoint up` started; everything recorded is kept."""
    _become_embedded(session, data, "down")


def _become_embedded(session: Session, data: str | None, command: str, *words: str) -> None:
    """Replace this process, so that signals reach the supervisor itself."""
    if importlib.util.find_spec("forkpoint_server") is None:
        raise CliError(
            "the service is not installed here",
            hint="pip install forkpoint-server forkpoint-worker",
        )
    where = ["--data", data or str(session.settings.data)]
    os.execv(sys.executable, [sys.executable, "-m", EMBEDDED, command, *words, *where])
