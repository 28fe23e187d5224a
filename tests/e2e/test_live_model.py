"""Live replays of a real model on this machine: seeds, budgets, and what the comparison says."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import urllib3

from examples.agentdojo.live import MODEL, install, serving_live

CALLS = 4
PROGRAM = f"""
import sys
import forkpoint, openai

forkpoint.instrument()
client = openai.OpenAI(base_url=sys.argv[1], api_key="none", max_retries=0, timeout=120)
with forkpoint.run("live") as run:
    answers = []
    for what in ("a fruit", "a river", "a tool", "a city")[:{CALLS}]:
        answer = client.chat.completions.create(
            model="{MODEL}",
            messages=[{{"role": "user", "content": f"Name {{what}}."}}],
            temperature=1.2,
            max_tokens=8,
        )
        answers.append(answer.choices[0].message.content)
    run.set_output(answers)
"""


class Relay:
    """Stands before the model, so that requests can be counted."""

    def __init__(self, target: str) -> None:
        self.requests = 0
        relay, pool = self, urllib3.PoolManager()

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                relay.requests += 1
                body = self.rfile.read(int(self.headers["content-length"]))
                kind = {"content-type": "application/json"}
                path = self.path.removeprefix("/v1")
                answer = pool.request(
                    "POST", target + path, body=body, headers=kind, timeout=120, retries=False
                )
                self.send_response(answer.status)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(answer.data)))
                self.end_headers()
                self.wfile.write(answer.data)

            def log_message(self, format: str, *args: Any) -> None:
                return

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/v1"


@contextmanager
def model(seed: int) -> Generator[Relay]:
    """The model under a seed of the server, behind a relay."""
    with serving_live(seed=seed, context=1024) as url:
        relay = Relay(url)
        thread = Thread(target=relay.server.serve_forever)
        thread.start()
        try:
            yield relay
        finally:
            relay.server.shutdown()
            thread.join()
            relay.server.server_close()


class Shell:
    """Types commands; the program under test is a child of theirs."""

    def __init__(self, url: str, folder: Path) -> None:
        self.environment = {
            **os.environ,
            "FORKPOINT_URL": url,
            "FORKPOINT_DATA": str(folder / "data"),
        }
        self.program = folder / "program.py"
        self.program.write_text(PROGRAM)
        self.folder = folder

    def type(self, *words: str | Path) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", "from forkpoint_cli.main import main; main()"]
        return subprocess.run(
            [*command, *map(str, words)],
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=240,
        )

    def replay(self, run: str, relay: Relay, *, calls: int) -> dict[str, Any]:
        """The report of a replay whose every model call is live, within a budget of calls."""
        policy = self.folder / "live.json"
        budgets = {"calls": calls, "tokens": 10_000, "cost_usd": 1, "wall_s": 200}
        live = {"mode": "live"}
        policy.write_text(
            json.dumps(
                {
                    "policy": "forkpoint.policy/1",
                    "default": live,
                    "allow_live": {"hosts": ["127.0.0.1"]},
                    "budgets": budgets,
                }
            )
        )
        child = ["--", sys.executable, self.program, relay.url]
        done = self.type("replay", run, "--json", "--policy", policy, *child)
        assert done.stdout, done.stderr
        return json.loads(done.stdout) | {"made": run_in(done.stderr)}

    def diff(self, a: str, b: str) -> dict[str, Any]:
        """The comparison of two runs."""
        return json.loads(self.type("diff", a, b, "--json").stdout)


def run_in(text: str) -> str:
    """The id of the run whose address a command has printed."""
    return next(word for word in text.split() if "/runs/" in word).rpartition("/")[2]


@pytest.fixture(scope="module")
def shell(server: str, tmp_path_factory: pytest.TempPathFactory) -> Shell:
    install()
    return Shell(server, tmp_path_factory.mktemp("live"))


def test_a_seed_repeats_another_one_differs_and_a_budget_stops_the_call_before_it_is_made(
    shell: Shell,
) -> None:
    with model(7) as relay:
        recorded = shell.type("capture", "--", sys.executable, shell.program, relay.url)
        run = run_in(recorded.stderr)
        same = shell.replay(run, relay, calls=CALLS)
        before = relay.requests
        stopped = shell.replay(run, relay, calls=3)
        spent = relay.requests - before
    with model(8) as relay:
        other = shell.replay(run, relay, calls=CALLS)

    equal, parted = shell.diff(run, same["made"]), shell.diff(run, other["made"])
    # answers differ in their ids and times alone, which is no divergence
    assert (same["verdict"], equal["firstDivergence"], equal["rootCount"]) == ("forked", None, 0)
    assert equal["outcome"]["a"] == equal["outcome"]["b"]
    assert (stopped["failedStep"]["reason"], spent) == ("budget_calls", 3)
    assert other["verdict"] == "forked"
    assert set(parted["counts"]) == {"origin"} and parted["rootCount"] >= 1
    assert (parted["firstDivergence"]["class"], parted["firstDivergence"]["sub"]) == (
        "origin",
        "sampling",
    )
