"""A recorded run arrives at a real server: through threads, forks, absence and adoption."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

from forkpoint.capture.collector import HttpCollector
from forkpoint.capture.counters import Counters
from forkpoint.capture.spool import SpoolReader
from forkpoint.capture.transport import Sender

PROGRAM = """
import forkpoint, os, sys, asyncio, time
@forkpoint.tool(effect="read")
def search(query):
    return {"b": 1.0, "hits": [query] * 3, "password": "hunter2"}
@forkpoint.model
def ask(messages):
    yield from ("the ", "answer")
def agent(run):
    talk = [{"role": "system", "content": "s" * 200}]
    for turn in range(10):
        talk.append({"role": "user", "content": f"{turn} " + "x" * 300})
        talk.append({"role": "assistant", "content": "".join(ask(talk))})
        search(str(turn))
    run.attributes["turns"] = 10
    run.set_output(talk[-1])
"""
RUN = """query($id: ID!) { run(id: $id) { name status stepCount head health gapCount tags
  steps(first: 50) { nodes { key name kind status parts { name } } }
  artifact(role: "output") { state value } } }"""


def ask(url: str, query: str, **variables: object) -> Any:
    body = json.dumps({"query": query, "variables": variables}).encode()
    request = urllib.request.Request(
        f"{url}/graphql", body, {"content-type": "application/json"}, method="POST"
    )
    with urllib.request.urlopen(request, timeout=30) as response:
        answer = json.load(response)
    assert not answer.get("errors"), answer["errors"]
    return answer["data"]


def run_program(text: str, data: Path, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM + text],
        env=os.environ | {"FORKPOINT_DATA": str(data)} | environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.strip()


def eventually(check: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not check():
        assert time.monotonic() < deadline
        time.sleep(0.1)


AGENT = "with forkpoint.run('agent', tags=['t']) as run: agent(run)\nprint(run.id)"


def test_a_recorded_run_is_on_the_server_when_the_process_ends(server: str, tmp_path: Path) -> None:
    run_id = run_program(AGENT, tmp_path, FORKPOINT_URL=server, FORKPOINT_FLUSH_S="20")

    run = ask(server, RUN, id=run_id)["run"]
    assert (run["status"], run["stepCount"], run["head"], run["gapCount"]) == ("OK", 20, "40", 0)
    assert [step["key"] for step in run["steps"]["nodes"]] == [f"r#{n}" for n in range(20)]
    assert run["artifact"] == {
        "state": "CLEAN",
        "value": {"role": "assistant", "content": "the answer"},
    }
    assert list((tmp_path / "spool").iterdir()) == []


def test_what_a_process_left_is_sent_by_the_next_one(server: str, tmp_path: Path) -> None:
    left = run_program(AGENT, tmp_path, FORKPOINT_URL="http://127.0.0.1:9")
    assert ask(server, RUN, id=left)["run"] is None

    after = "time.sleep(3)"
    sent = run_program(AGENT + "\n" + after, tmp_path, FORKPOINT_URL=server, FORKPOINT_FLUSH_S="20")

    assert ask(server, RUN, id=left)["run"]["stepCount"] == 20
    assert ask(server, RUN, id=sent)["run"]["stepCount"] == 20
    assert list((tmp_path / "spool").iterdir()) == []


def test_a_child_s_spool_is_sent_while_it_grows_and_twice_is_once(
    server: str, tmp_path: Path
) -> None:
    spool = tmp_path / "spool"
    run_id = run_program(AGENT, tmp_path, FORKPOINT_SPOOL=str(spool))

    (folder,) = spool.iterdir()
    for _ in range(2):
        sender = Sender(SpoolReader(folder), HttpCollector(server), delete=False)
        while sender.pump():
            pass

    assert ask(server, RUN, id=run_id)["run"]["head"] == "40"
    assert sender.counters.read().get("events_duplicate") == 41


def test_a_forked_child_joins_the_run_of_its_parent(server: str, tmp_path: Path) -> None:
    text = """
with forkpoint.run('forks') as run:
    search('a')
    child = os.fork()
    search('b')
    if child == 0:
        forkpoint.flush(20)
        os._exit(0)
    os.waitpid(child, 0)
print(run.id)
"""
    run_id = run_program(text, tmp_path, FORKPOINT_URL=server, FORKPOINT_FLUSH_S="20")

    nodes = ask(server, RUN, id=run_id)["run"]["steps"]["nodes"]
    assert sorted(step["key"] for step in nodes) == ["r#0", "r#1", "r/1.fork.0#0"]


def test_packed_requests_are_taken_and_stored_once(server: str, tmp_path: Path) -> None:
    run_id = run_program(AGENT, tmp_path / "data", FORKPOINT_SPOOL=str(tmp_path / "spool"))
    [folder] = (tmp_path / "spool").iterdir()
    counters = Counters()

    for packed in (True, False):
        collector = HttpCollector(server, packed=packed)
        sending = Sender(SpoolReader(folder), collector, counters=counters, delete=False)
        while sending.pump():
            pass

    run = ask(server, RUN, id=run_id)["run"]
    assert (run["status"], run["head"], run["gapCount"]) == ("OK", "40", 0)
    assert (counters.read()["events_sent"], counters.read()["events_duplicate"]) == (41, 41)
