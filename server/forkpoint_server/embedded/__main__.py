"""`python -m forkpoint_server.embedded up|down|status`; the command `forkpoint up` runs this."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from forkpoint_server.embedded.commands import down, status, up, up_detached
from forkpoint_server.embedded.errors import EmbeddedError
from forkpoint_server.embedded.report import report_to
from forkpoint_server.embedded.settings import read_settings
from forkpoint_server.embedded.supervisor import TROUBLE


def main(words: Sequence[str]) -> int:
    """Run one command; the exit status."""
    chosen = _parser().parse_args(words)
    report = report_to(sys.stdout, os.environ)
    try:
        port: int | None = getattr(chosen, "port", None)
        settings = read_settings(os.environ, data=chosen.data, port=port)
        if chosen.command == "down":
            return down(settings, report)
        if chosen.command == "status":
            return status(settings, report, as_json=chosen.json)
        return up_detached(settings, report) if chosen.detach else up(settings, report)
    except EmbeddedError as error:
        report_to(sys.stderr, os.environ).failed(str(error))
        return TROUBLE


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="forkpoint", description="Forkpoint in one command.")
    commands = parser.add_subparsers(dest="command", required=True)
    start = commands.add_parser("up", help="start everything and keep it until Ctrl-C")
    start.add_argument("--port", type=_port, help="of the API; default 4600, 0 takes any free one")
    start.add_argument("--detach", action="store_true", help="start in the background and return")
    end = commands.add_parser("down", help="end what runs in this data directory")
    ask = commands.add_parser("status", help="whether it runs, and where; exit status 1 if not")
    ask.add_argument("--json", action="store_true", help="for programs")
    for command in (start, end, ask):
        command.add_argument("--data", help="data directory; default FORKPOINT_DATA, ~/.forkpoint")
    return parser


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError("a port is a number from 0 to 65535")
    return int(text)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
