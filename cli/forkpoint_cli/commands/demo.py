"""`forkpoint demo`: the story of the example agent, from a checkout."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from forkpoint_cli.errors import CliError


@click.command()
@click.option("--port", type=int, help="Of the API; default 4600, 0 takes any free one.")
@click.option("--live", is_flag=True, help="With a small language model on this machine.")
def demo(port: int | None, live: bool) -> None:
    """Record an agent, replay it, fork it, compare; then serve the cockpit."""
    story = Path("examples/demo.py")
    if not story.is_file():
        raise CliError(
            "the demo belongs to a checkout of Forkpoint, and this is none",
            hint="change into the checkout, or: make demo",
        )
    words = [] if port is None else ["--port", str(port)]
    words += ["--live"] if live else []
    os.execv(sys.executable, [sys.executable, "-m", "examples.demo", *words])
