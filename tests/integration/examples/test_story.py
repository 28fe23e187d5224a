"""The demo's story is about what the recorded runs hold."""

from __future__ import annotations

import json
from typing import Any, cast

import pytest
from forkpoint.events.kinds import Effect
from forkpoint.replay.policy import read_policy

from examples.agentdojo.recordings import executable, load
from examples.agentdojo.story import (
    CLEAN_RESULT,
    INJECTED,
    LIVE,
    RECORDED,
    Story,
    fork_policy,
    misled_at,
)
from examples.agentdojo.toolbox import EFFECTS, INTENTS, Toolbox


@pytest.mark.parametrize("story", [RECORDED, LIVE])
def test_the_attack_of_the_story_succeeded_and_its_pair_had_none(story: Story):
    attacked, clean = load(story.attacked), load(story.clean)

    assert (attacked.log.attack_succeeded, clean.log.attacked) == (True, False)
    assert attacked.task == clean.task


@pytest.mark.parametrize("story", [RECORDED, LIVE])
def test_only_reads_come_before_the_planted_text(story: Story):
    attacked = load(story.attacked)
    place = misled_at(attacked)
    before = [message.tool_call for message in attacked.log.messages[: place + 1]]
    tools = [call.function for call in before if call is not None]

    assert tools
    assert {EFFECTS[tool] for tool in tools} == {"read"}


def test_the_clean_result_is_that_of_the_clean_run():
    assert json.loads(CLEAN_RESULT.read_text()) == RECORDED.clean_result()
    assert INJECTED not in RECORDED.clean_result()


def test_the_policy_of_the_fork_is_one_the_engine_takes():
    policy = read_policy(fork_policy())
    writing = {tool for tool, effect in EFFECTS.items() if effect != "read"}

    assert policy.allow_live.hosts == ("127.0.0.1",)
    assert set(policy.allow_effects) <= writing


def test_every_tool_of_the_suites_has_an_effect_and_every_repeatable_write_an_intent():
    for name in (executable()[0], executable()[-1]):
        definitions = Toolbox(load(name)).definitions
        for tool in (cast("dict[str, Any]", one["function"]) for one in definitions):
            assert Effect(EFFECTS[tool["name"]])
            if EFFECTS[tool["name"]] == "write":
                assert set(INTENTS[tool["name"]]) <= set(tool["parameters"]["properties"])
