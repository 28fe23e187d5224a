"""74 real runs through the real tools into the real service, and each of them replayed exactly."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

import forkpoint
import openai
import pytest
from forkpoint.capture.replaying import Replay
from forkpoint.events.kinds import Kind, Verdict
from forkpoint.events.model import StepEnded, StepStarted
from forkpoint.replay.recording import Recording
from forkpoint.testing.service import recording_into
from forkpoint_cli.client import Service
from forkpoint_cli.recordings import Recorded as Downloaded
from forkpoint_cli.recordings import download
from forkpoint_cli.settings import Settings

from examples.agentdojo.agent import Agent, Outcome, record
from examples.agentdojo.model_server import make_app, serving
from examples.agentdojo.policy import recorded_policy
from examples.agentdojo.recordings import executable, load
from examples.agentdojo.toolbox import Toolbox

STATE_FROM_BEFORE = "user_task_11/important_instructions/injection_task_2"
"""The one run that began in a state its log does not show."""
NOWHERE = "http://127.0.0.1:9/v1"
EXACT = {"policy": "forkpoint.policy/1", "default": {"mode": "exact"}, "nondeterminism": "strict"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """One run made now, and how many bodies of tools ran in it."""

    name: str
    outcome: Outcome
    executed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """One replay made of it."""

    done: Done
    replay: Replay


@pytest.fixture(scope="module")
def recorded_runs(server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Done]]:
    """All 74, recorded over the `openai` client into the service."""
    data = tmp_path_factory.mktemp("agent")
    with (
        recording_into(server, data=data),
        serving(make_app()) as url,
        client_of(url) as client,
    ):
        forkpoint.instrument()
        made = [
            run_once(name, client, stream=index % 2 == 1) for index, name in enumerate(executable())
        ]
        assert forkpoint.flush(60)
        yield made


@pytest.fixture(scope="module")
def downloads(server: str, recorded_runs: list[Done]) -> dict[str, Downloaded]:
    service = Service(Settings(url=server))
    return {done.name: download(service, done.outcome.run) for done in recorded_runs}


class Connections:
    """Counts the connections of this process to anywhere but the service, while it is asked to."""

    def __init__(self, service: str) -> None:
        self._own = urlsplit(service).port
        self.watched = False
        self.seen: list[str] = []
        sys.addaudithook(self._hear)

    def _hear(self, event: str, arguments: tuple[object, ...]) -> None:
        if not self.watched or event not in ("socket.connect", "socket.getaddrinfo"):
            return
        where = str(arguments[1] if event == "socket.connect" else arguments[:2])
        if str(self._own) not in where:
            self.seen.append(where)


@pytest.fixture(scope="module")
def connections(server: str) -> Connections:
    return Connections(server)


@pytest.fixture(scope="module")
def replays(
    recorded_runs: list[Done], downloads: dict[str, Downloaded], connections: Connections
) -> list[Replayed]:
    """Each replayed in this process; where the model was, nobody listens."""
    made: list[Replayed] = []
    connections.watched = True
    with client_of(NOWHERE) as client:
        for index, done in enumerate(recorded_runs):
            recording = recording_of(downloads[done.name])
            with forkpoint.replaying(recording, {"policy": EXACT}) as replay:
                again = run_once(done.name, client, stream=index % 2 == 1)
            made.append(Replayed(done=again, replay=replay))
    connections.watched = False
    return made


def client_of(base_url: str) -> openai.OpenAI:
    return openai.OpenAI(base_url=base_url, api_key="local", max_retries=0)


def run_once(name: str, client: openai.OpenAI, *, stream: bool) -> Done:
    recorded = load(name)
    toolbox = Toolbox(recorded)
    agent = Agent(
        client=client,
        model=name,
        toolbox=toolbox,
        check=recorded_policy(recorded),
        stream=stream,
    )
    outcome = record(recorded, agent)
    return Done(name=name, outcome=outcome, executed=toolbox.executed)


def recording_of(downloaded: Downloaded) -> Recording:
    blocks = downloaded.blocks
    return Recording.load(
        downloaded.start,
        downloaded.end,
        downloaded.events,
        lambda wanted: {digest: blocks[digest] for digest in wanted if digest in blocks},
    )


def test_73_of_74_runs_come_out_as_they_were_recorded_by_others(recorded_runs: list[Done]):
    others = [
        done.name for done in recorded_runs if done.outcome.chat != list(load(done.name).chat)
    ]

    assert len(recorded_runs) == 74
    assert [name.partition("banking/")[2] for name in others] == [STATE_FROM_BEFORE]


def test_the_service_has_every_call_of_every_run(
    recorded_runs: list[Done], downloads: dict[str, Downloaded]
):
    for done in recorded_runs:
        events = [event for _, event in downloads[done.name].events]
        kinds = [event.kind for event in events if isinstance(event, StepStarted)]
        said = [message["role"] for message in done.outcome.chat]
        assert kinds.count(Kind.MODEL) == said.count("assistant"), done.name
        assert kinds.count(Kind.TOOL) == done.executed, done.name
        assert len([e for e in events if isinstance(e, StepEnded)]) == len(kinds), done.name


def test_every_replay_is_identical(replays: list[Replayed]):
    reports = {
        one.done.name: one.replay.result.report if one.replay.result else None
        for one in replays
        if one.replay.result is None or one.replay.result.verdict is not Verdict.IDENTICAL
    }

    assert reports == {}


def test_no_tool_runs_in_a_replay(recorded_runs: list[Done], replays: list[Replayed]):
    assert sum(done.executed for done in recorded_runs) > 300
    assert sum(one.done.executed for one in replays) == 0


def test_a_replay_opens_no_connection(replays: list[Replayed], connections: Connections):
    assert len(replays) == 74
    assert connections.seen == []


def test_a_replay_says_what_the_run_said(recorded_runs: list[Done], replays: list[Replayed]):
    for done, one in zip(recorded_runs, replays, strict=True):
        assert one.done.outcome.answer == done.outcome.answer
