"""The demo: a recorded agent was misled by planted text; replay it, fork it, see what changes.

    python -m examples.demo [--port N] [--data DIR] [--check] [--live]

With `--check` nothing is left running and the last line is one JSON object of facts.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from forkpoint_cli.client import Service
from forkpoint_cli.errors import CliError
from forkpoint_cli.output import Output
from forkpoint_cli.session import Session
from forkpoint_cli.settings import read_settings

from examples.agentdojo.live import install, serving_live
from examples.agentdojo.model_server import make_app, serving
from examples.agentdojo.story import LIVE, RECORDED
from examples.service import Running, running, wait_for_ctrl_c
from examples.telling import Facts, Telling


def main() -> int:
    """Tell the story; 0 when it came out as it should, 1 when not, 2 for trouble."""
    options = _options()
    began = time.monotonic()
    port = 0 if options.check and options.port is None else options.port
    with (
        _data(options.data, check=options.check) as data,
        running(data=data, port=port) as service,
    ):
        try:
            facts = _tell(service, data, live=options.live)
        except CliError as error:
            print(f"error: {error.message}", file=sys.stderr)
            return 2
        if options.check:
            seconds = round(time.monotonic() - began, 2)
            print(json.dumps(asdict(facts) | {"seconds": seconds}), flush=True)
        elif service.ours:
            print(f"\n  Serving {service.url} until Ctrl-C; everything is kept.", flush=True)
            wait_for_ctrl_c()
    return 0 if facts.as_expected() else 1


def _tell(service: Running, data: Path, *, live: bool) -> Facts:
    settings = read_settings(os.environ, url=service.url, data=str(data))
    session = Session(settings=settings, service=Service(settings), output=Output())
    with _endpoint(live=live) as model_url:
        return Telling(session, LIVE if live else RECORDED, model_url).tell()


@contextmanager
def _endpoint(*, live: bool) -> Generator[str]:
    """The model of the demo: the recorded answers, or a small one on this machine."""
    if live:
        install()
    with serving_live() if live else serving(make_app()) as url:
        yield url


@contextmanager
def _data(given: str | None, *, check: bool) -> Generator[Path]:
    """The data directory; a check without one uses a temporary one."""
    if given or not check:
        chosen = given or os.environ.get("FORKPOINT_DATA") or "~/.forkpoint"
        yield Path(chosen).expanduser().absolute()
        return
    with tempfile.TemporaryDirectory(prefix="forkpoint-demo-") as folder:
        yield Path(folder)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="record, replay, fork and compare a real agent")
    parser.add_argument("--port", type=int, help="of the service; default 4600")
    parser.add_argument("--data", help="data directory; default FORKPOINT_DATA, ~/.forkpoint")
    parser.add_argument("--check", action="store_true", help="end at once, with facts as JSON")
    parser.add_argument("--live", action="store_true", help="with a small model on this machine")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
