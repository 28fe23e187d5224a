"""Attacked AgentDojo runs, forked by a runner and by a worker: both agree.

Those that met the planted text are forked there: the runner executes the agent with the recorded
replies, the worker rewrites the recording. Step for step they ask the same. Those that parted from
their clean pair by themselves are forked where they did. With FORKPOINT_FAULT_ROUNDS all runs are
forked whose tools are here.
"""

from __future__ import annotations

import csv
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import forkpoint
import openai
import pytest
from forkpoint.content import decode, digest_from_text
from forkpoint.events.kinds import Kind
from forkpoint.events.model import StepEnded, StepStarted
from forkpoint.testing.service import recording_into
from forkpoint_cli.client import Service
from forkpoint_cli.recordings import Recorded, download
from forkpoint_cli.settings import Settings

from examples.agentdojo.agent import Agent, record
from examples.agentdojo.model_server import make_app, serving
from examples.agentdojo.policy import recorded_policy
from examples.agentdojo.recordings import RUNS, executable, load
from examples.agentdojo.toolbox import Toolbox

ROOT = Path(__file__).parents[2]
ALL = os.environ.get("FORKPOINT_FAULT_ROUNDS") is not None
SHORT = 2
PLANTED = re.compile(r"<INFORMATION>.*?</INFORMATION>", re.DOTALL)
POLICY = {"policy": "forkpoint.policy/1", "default": {"mode": "cached"}}
CLEAN_RUNS: dict[str, Any] = {
    "policy": "forkpoint.policy/1",
    "default": {"mode": "cached", "scope": "project", "allow_errors": True},
    "rules": [{"match": {"kind": "tool"}, "effect": "read"}],
}
"""What the clean run recorded answers, its tools too: nothing is done by reading it."""
START = (
    """mutation($i: StartReplayInput!) { startReplay(input: $i) { sessions { id newRunId } } }"""
)
ASK = """query($id: ID!) { replaySession(id: $id) { state verdict reason message report } }"""
OPEN = {"QUEUED", "PREPARING", "RUNNING"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Forks:
    """One attacked run and its two forks at the step `key`."""

    name: str
    key: str
    recorded: Recorded
    host: Recorded
    graph: Recorded
    rewritten: Sequence[str]


def attacked() -> list[str]:
    """Names of the runs that met the planted text and whose tools the package has."""
    with (RUNS / "manifest.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["first_injected_message"]]
    met = {row["path"].removeprefix("agentdojo/").removesuffix(".json") for row in rows}
    return sorted(met & set(executable()))


def parted() -> list[tuple[str, str, int]]:
    """Runs that met nothing and parted from their clean pair: name, pair, and the reply it was."""
    found: list[tuple[str, str, int]] = []
    with (RUNS / "manifest.csv").open() as file:
        for row in csv.DictReader(file):
            names = [
                row[path].removeprefix("agentdojo/").removesuffix(".json")
                for path in ("path", "clean_pair")
            ]
            at = row["first_divergence_from_clean"]
            if row["attack"] and at and not row["first_injected_message"]:
                said = load(names[0]).chat[: int(at)]
                number = sum(message["role"] == "assistant" for message in said)
                found += [(names[0], names[1], number)] if names[0] in executable() else []
    return found


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where agent and runner keep their key."""
    return tmp_path_factory.mktemp("agent")


@pytest.fixture(scope="module")
def runs(server: str, data: Path) -> dict[str, str]:
    """Each recorded with the real tools: name to run id."""
    names = attacked() if ALL else attacked()[:SHORT]
    pairs = parted() if ALL else parted()[:1]
    names += [name for pair in pairs for name in pair[:2]]
    with recording_into(server, data=data), serving(make_app()) as url:
        forkpoint.instrument()
        with openai.OpenAI(base_url=url, api_key="local", max_retries=0) as client:
            made = {name: recorded_now(name, client) for name in names}
        assert forkpoint.flush(60)
    return made


def recorded_now(name: str, client: openai.OpenAI) -> str:
    recorded = load(name)
    check = recorded_policy(recorded)
    agent = Agent(client=client, model=name, toolbox=Toolbox(recorded), check=check)
    return record(recorded, agent).run


@pytest.fixture(scope="module")
def runner(server: str, data: Path) -> Iterator[str]:
    """A runner with the agent; the name of its entry point."""
    process = subprocess.Popen(
        [
            *(sys.executable, "-c", "from forkpoint_cli.main import main; main()", "runner"),
            *("--entry", "agentdojo=examples.agentdojo.agent:repeat", "--jobs", "2"),
        ],
        cwd=ROOT,
        env={**os.environ, "FORKPOINT_URL": server, "FORKPOINT_DATA": str(data)},
        stdout=subprocess.DEVNULL,
    )
    yield "agentdojo"
    process.send_signal(signal.SIGTERM)
    process.wait(30)


@pytest.fixture(scope="module")
def forks(server: str, runs: dict[str, str], runner: str) -> list[Forks]:
    service = Service(Settings(url=server))
    met = set(attacked())
    asked = [(name, download(service, run)) for name, run in runs.items() if name in met]
    begun = [(name, one, *ask_for_both(service, runner, name, one)) for name, one in asked]
    return [finished(service, *one) for one in begun]


def ask_for_both(
    service: Service, entry: str, name: str, recorded: Recorded
) -> tuple[str, dict[str, Any], dict[str, Any]]:
    """Put the text without the plant where the plant was; the key, and both sessions."""
    steps = [one for _, one in recorded.events if isinstance(one, StepStarted)]
    key = next(
        step.key
        for step in steps
        if step.kind is Kind.TOOL and PLANTED.search(str(output(recorded, step)))
    )
    at = next(index for index, step in enumerate(steps) if step.key == key)
    clean = PLANTED.sub("", str(output(recorded, steps[at])))
    edit = {"kind": "output", "key": key, "value": clean}
    kept = [
        {"kind": "output", "key": step.key, "value": output(recorded, step)}
        for step in steps[at + 1 :]
        if step.kind is Kind.MODEL
    ]
    run = {"runId": recorded.start.run_id, "cut": {"key": key}, "policy": POLICY}
    graph = {**run, "executor": "GRAPH", "edits": [edit]}
    host = {**run, "executor": "HOST", "edits": [edit, *kept], "entrypoint": entry}
    asked = [service.ask(START, i=one)["startReplay"] for one in (host, graph)]
    host_session, graph_session = (one["sessions"][0] for one in asked)  # type: ignore[index]
    return key, host_session, graph_session


def finished(
    service: Service,
    name: str,
    recorded: Recorded,
    key: str,
    host: dict[str, Any],
    graph: dict[str, Any],
) -> Forks:
    ended = [until_over(service, one["id"]) for one in (host, graph)]
    assert [one["verdict"] for one in ended] == ["FORKED", "FORKED"], (name, ended)
    return Forks(
        name=name,
        key=key,
        recorded=recorded,
        host=download(service, host["newRunId"]),
        graph=download(service, graph["newRunId"]),
        rewritten=ended[1]["report"]["rewritten"],
    )


def until_over(service: Service, session: str) -> dict[str, Any]:
    while True:
        found: Any = service.ask(ASK, id=session)["replaySession"]
        if found["state"] not in OPEN:
            return found


def output(recorded: Recorded, step: StepStarted) -> object:
    ends = (one for _, one in recorded.events if isinstance(one, StepEnded))
    ended = next(one for one in ends if one.step_id == step.step_id)
    ref = next((ref for ref in ended.artifacts if ref.role == "output"), None)
    if ref is None or ref.root is None:
        return None
    blocks = recorded.blocks
    return decode(digest_from_text(ref.root), lambda wanted: {one: blocks[one] for one in wanted})


def asked_of(recorded: Recorded) -> Mapping[str, str | None]:
    """What each step asks, agents aside: call key to signature."""
    steps = (one for _, one in recorded.events if isinstance(one, StepStarted))
    return {step.key: step.signature for step in steps if step.kind is not Kind.AGENT}


def test_runner_and_worker_ask_the_same_at_every_step(forks: list[Forks]):
    for fork in forks:
        assert asked_of(fork.host) == asked_of(fork.graph), fork.name


def test_they_agree_on_what_the_edit_made_stale(forks: list[Forks]):
    for fork in forks:
        before, after = asked_of(fork.recorded), asked_of(fork.host)
        changed = [key for key in after if after[key] != before[key]]
        assert changed == list(fork.rewritten), fork.name
        assert changed, fork.name


def test_what_lies_before_the_planted_text_is_exact_in_both(forks: list[Forks]):
    for fork in forks:
        for made in (fork.host, fork.graph):
            steps = [one for _, one in made.events if isinstance(one, StepStarted)]
            at = next(index for index, step in enumerate(steps) if step.key == fork.key)
            modes = {
                step.replay.mode
                for step in steps[:at]
                if step.replay and step.kind is not Kind.AGENT
            }
            assert modes == {"exact"}, fork.name


def test_a_run_that_parted_by_itself_goes_the_way_of_the_clean_one(
    server: str, runs: dict[str, str], runner: str
):
    """In the runner to its end; the worker knows of no tool that was not asked, and stops there."""
    service = Service(Settings(url=server))
    pairs = [pair for pair in parted() if pair[0] in runs]
    assert len(parted()) == 5

    for name, pair, number in pairs:
        recorded, clean = (download(service, runs[one]) for one in (name, pair))
        models = [step for step in steps_of(clean) if step.kind is Kind.MODEL][number:]
        key = models[0].key
        edit = {"kind": "output", "key": key, "value": output(clean, models[0])}
        later = [
            {
                "match": {"key": step.key},
                "mode": "simulated",
                "simulate": {"static": output(clean, step)},
            }
            for step in models[1:]
        ]
        policy = {**CLEAN_RUNS, "rules": [*later, *CLEAN_RUNS["rules"]]}
        asked = {"runId": runs[name], "cut": {"key": key}, "edits": [edit], "policy": policy}
        ways: dict[str, dict[str, object]] = {"HOST": {"entrypoint": runner}, "GRAPH": {}}
        started: Any = [
            service.ask(START, i={**asked, "executor": way, **more})["startReplay"]
            for way, more in ways.items()
        ]
        sessions = [one["sessions"][0] for one in started]
        host, graph = (until_over(service, one["id"]) for one in sessions)
        new, stopped = (download(service, one["newRunId"]) for one in sessions)

        assert (host["verdict"], host["reason"]) == ("FORKED", None), (name, host)
        assert graph["reason"] == "new_tool_call", (name, graph)
        way = asked_of(new)
        assert list(asked_of(stopped).items()) == list(way.items())[: len(asked_of(stopped))]
        assert said_from(new, key) == said_from(clean, key), name
        assert said_from(recorded, key) != said_from(clean, key), name


def steps_of(recorded: Recorded) -> list[StepStarted]:
    return [one for _, one in recorded.events if isinstance(one, StepStarted)]


def said_from(recorded: Recorded, key: str) -> list[tuple[str, str, object]]:
    """Kinds, names and answers from a step on."""
    steps = [step for step in steps_of(recorded) if step.kind is not Kind.AGENT]
    at = next(index for index, step in enumerate(steps) if step.key == key)
    return [(step.kind, step.name, output(recorded, step)) for step in steps[at:]]
