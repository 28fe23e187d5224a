"""Where a replay runs is compared with where its recording did: told, and no fault by itself."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import forkpoint
import pytest
from forkpoint.replay.recording import Recording
from forkpoint.settings import Settings
from forkpoint.testing.memory import recorded

from .agents import codes, run_once

SETTINGS = Settings(data=Path("unused"), variables=("AGENT_PLACE", "AGENT_API_TOKEN"))
STRICT = {"policy": {"policy": "forkpoint.policy/1", "nondeterminism": "strict"}}


@forkpoint.tool(effect="read")
def look() -> str:
    return "found"


@pytest.fixture
def recording(monkeypatch: pytest.MonkeyPatch) -> Recording:
    monkeypatch.setenv("AGENT_PLACE", "here")
    monkeypatch.setenv("AGENT_API_TOKEN", "kT9wq0ZpLx7Rv2Nc")
    monkeypatch.setenv("PYTHONHASHSEED", "1")
    monkeypatch.setitem(sys.modules, "llama_index", SimpleNamespace(__version__="1.0"))
    with recorded(SETTINGS, secrets=["kT9wq0ZpLx7Rv2Nc"]) as tape:
        run_once(look)
        assert b"kT9wq0ZpLx7Rv2Nc" not in tape.text()
        return tape.recording()


def replayed(recording: Recording, **spec: object) -> dict[str, Any]:
    secrets = ["kT9wq0ZpLx7Rv2Nc"]
    with recorded(SETTINGS, secrets=secrets), forkpoint.replaying(recording, spec) as running:
        run_once(look)
    assert running.result is not None
    return dict(running.result.report)


def test_the_same_surroundings_are_no_finding(recording: Recording):
    report = replayed(recording, **STRICT)

    assert (report["verdict"], report["environment"], codes(report)) == ("identical", [], [])


def test_another_folder_is_told_and_is_no_drift(
    recording: Recording, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    before = str(Path.cwd())
    monkeypatch.chdir(tmp_path)

    report = replayed(recording, **STRICT)

    assert report["environment"] == [{"name": "cwd", "recorded": before, "now": str(tmp_path)}]
    assert (report["verdict"], codes(report)) == ("identical", [])


@pytest.mark.parametrize(("name", "told"), [("AGENT_PLACE", "there"), ("PYTHONHASHSEED", "2")])
def test_another_variable_or_hash_seed_is_drift_and_diverges_where_that_is_strict(
    recording: Recording, monkeypatch: pytest.MonkeyPatch, name: str, told: str
):
    monkeypatch.setenv(name, told)

    soft, hard = replayed(recording), replayed(recording, **STRICT)

    assert [one["now"] for one in soft["environment"]] == [told]
    assert (soft["verdict"], codes(soft)) == ("identical", ["nondeterminism_drift"])
    assert (hard["verdict"], hard["failedStep"]["reason"]) == ("diverged", "nondeterminism_drift")


def test_another_version_of_a_library_is_another_version_of_the_code(
    recording: Recording, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setitem(sys.modules, "llama_index", SimpleNamespace(__version__="2.0"))

    report = replayed(recording, **STRICT)

    expected = {"name": "libraries.llama_index", "recorded": "1.0", "now": "2.0"}
    assert report["environment"] == [expected]
    assert (report["verdict"], codes(report)) == ("identical", ["code_version"])
