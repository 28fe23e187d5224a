"""Real conversations, continued though nothing was changed: all is equal."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from continuing import go_on, recording_of
from forkpoint.errors import ReplayError
from forkpoint.events.kinds import Kind
from forkpoint_cli.importers.agentdojo import import_log
from forkpoint_cli.importers.tape import Importer
from forkpoint_cli.importers.tau import import_trajectory
from recorded_runs import RULESET

EXAMPLES = Path(__file__).parents[3] / "examples"
RUNS, DOJO = EXAMPLES / "tau", EXAMPLES / "agentdojo" / "runs"
FILES = sorted(RUNS.glob("*/task*.json"))
IMPORTER = Importer(name="test", redact=lambda value: value, ruleset_id=RULESET)


@pytest.mark.parametrize("at", [0.0, 0.5])
def test_unedited_every_conversation_is_rebuilt(at: float):
    assert len(FILES) == 60
    for file in FILES:
        loop = recording_of(import_trajectory(file.read_bytes(), IMPORTER))
        recording = loop[0]
        models = [n for n, (kind, _) in enumerate(recording.types) if kind is Kind.MODEL]
        key = recording.started[models[int(len(models) * at)]].key

        new = go_on(loop, cut={"key": key})

        assert (new.executed.stop, new.executed.end) == (None, recording.end), file.name
        assert new.executed.matched == len(recording), file.name
        assert [(s.key, s.signature) for s in new.started] == [
            (s.key, s.signature) for s in recording.started
        ], file.name


def test_every_agentdojo_run_of_more_than_one_reply_is_rebuilt():
    causes = Counter[str]()
    for file in sorted(DOJO.glob("**/*.json")):
        loop = recording_of(import_log(file.read_bytes(), IMPORTER))
        try:
            new = go_on(loop, cut={"key": "r#0.0"})
        except ReplayError as error:
            causes[str(error.details["cause"])] += 1
            continue
        assert [step.signature for step in new.started] == [
            step.signature for step in loop[0].started
        ], file.name
        causes["none"] += 1

    assert causes == {"none": 125, "one_turn": 9}


def test_a_model_that_says_again_what_was_recorded_gets_the_recorded_answers():
    """Every reply comes live, so every step is made anew, and every request is the recorded one."""
    policy = {
        "policy": "forkpoint.policy/1",
        "default": {"mode": "cached"},
        "rules": [{"match": {"kind": "model"}, "mode": "live"}],
        "allow_live": {"hosts": ["model.example"]},
        "budgets": {"calls": 99, "tokens": 9_000, "cost_usd": 1, "wall_s": 60},
    }
    for file in FILES[::3]:
        loop = recording_of(import_trajectory(file.read_bytes(), IMPORTER))
        recording = loop[0]
        models = [n for n, (kind, _) in enumerate(recording.types) if kind is Kind.MODEL]

        new = go_on(loop, cut={"key": recording.started[models[0]].key}, policy=policy, again=True)

        said = [(s.key, s.name, s.signature) for s in new.started]
        assert said == [(s.key, s.name, s.signature) for s in recording.started], file.name
        assert new.executed.stop is None, file.name
        assert new.executed.end is not None
        assert [ref.root for ref in new.executed.end.artifacts] == [recording.run_output()]
