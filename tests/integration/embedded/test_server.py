"""The real API and the real worker under the supervisor."""

from __future__ import annotations

import json
import os
import signal
import sys
import urllib.request
from pathlib import Path

from embedded_programs import marks_of, program_environment, wait_until_gone
from forkpoint_server.embedded.commands import down, up_detached
from forkpoint_server.embedded.paths import DataLayout
from forkpoint_server.embedded.report import Report
from forkpoint_server.embedded.settings import EmbeddedSettings
from forkpoint_server.embedded.state import read_state


def ask(url: str, query: str) -> object:
    body = json.dumps({"query": query}).encode()
    request = urllib.request.Request(
        f"{url}/graphql", body, {"Content-Type": "application/json"}, method="POST"
    )
    with urllib.request.urlopen(request, timeout=10) as response:
        return json.load(response)


def test_the_api_answers_from_its_migrated_database(server: str):
    answer = ask(server, "{ project { name } }")

    assert answer == {"data": {"project": {"name": "default"}}}


def test_kill_9_of_the_real_stack_leaves_no_orphan_and_it_comes_up_again(tmp_path: Path):
    layout = DataLayout(tmp_path)
    settings = EmbeddedSettings(data=tmp_path, port=0, environment=program_environment())
    report = Report(sys.stdout, coloured=False)

    assert up_detached(settings, report) == 0
    running = read_state(layout)
    parts = marks_of(layout)
    assert running is not None
    os.kill(running.supervisor.number, signal.SIGKILL)
    wait_until_gone(parts.values())

    assert parts.keys() == {"api", "postgres", "valkey", "worker"}
    assert up_detached(settings, report) == 0
    assert down(settings, report) == 0
