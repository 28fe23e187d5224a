"""The story `make demo` tells comes out as told, on a real service."""

from __future__ import annotations

import io
import subprocess
from collections.abc import Iterator

import pytest
from forkpoint_cli.client import Service
from forkpoint_cli.output import Output
from forkpoint_cli.replaying import Asked, replay_command
from forkpoint_cli.session import Session
from forkpoint_cli.settings import Settings
from forkpoint_cli.sources import open_source
from rich.console import Console

from examples.agentdojo.model_server import make_app, serving
from examples.agentdojo.story import RECORDED, fork_policy
from examples.telling import Facts, Telling


@pytest.fixture(scope="module")
def session(server: str, tmp_path_factory: pytest.TempPathFactory) -> Session:
    settings = Settings(url=server, data=tmp_path_factory.mktemp("demo"))
    told = Output(console=Console(file=io.StringIO(), width=120), remarks=Console(quiet=True))
    return Session(settings=settings, service=Service(settings), output=told)


@pytest.fixture(scope="module")
def model_url() -> Iterator[str]:
    with serving(make_app()) as url:
        yield url


@pytest.fixture(scope="module")
def facts(session: Session, model_url: str) -> Facts:
    return Telling(session, RECORDED, model_url).tell()


def told(session: Session) -> str:
    file = session.output.console.file
    assert isinstance(file, io.StringIO)
    return file.getvalue()


def test_the_replay_is_exact_and_calls_nobody(facts: Facts):
    assert (facts.imported_runs, facts.imported_steps) == (134, 1_674)
    assert facts.recorded_steps == facts.replay_steps == 19
    assert (facts.replay_identical, facts.replay_live_calls) == (True, 0)


def test_the_fork_parts_from_its_source_at_the_edited_step(facts: Facts):
    assert facts.as_expected()
    assert facts.fork_first_divergence == facts.fork_edited_step == 5
    assert facts.diff_changed_steps == 15


def test_the_story_tells_which_money_went_where(facts: Facts, session: Session):
    del facts
    lines = told(session).splitlines()

    assert [line.split(":")[0].strip() for line in lines if "send_money" in line] == [
        "As recorded",
        "As recorded",
        "Without it",
    ]
    assert sum("http://127.0.0.1" in line for line in lines) == 4


def test_without_a_person_who_allows_it_the_fork_stops_before_it_writes(
    facts: Facts, session: Session, model_url: str
):
    place = str(facts.fork_edited_step)
    asked = Asked(
        policy=fork_policy(),
        at=place,
        edits=[(place, {"kind": "output", "value": RECORDED.clean_result()})],
        stdout=subprocess.DEVNULL,
    )

    done = replay_command(
        session, open_source(session, facts.recorded_run), asked, RECORDED.command(model_url)
    )

    failed = done.report["failedStep"]
    assert done.report["verdict"] == "partial"
    assert isinstance(failed, dict)
    assert failed["reason"] == "effect_refused"
