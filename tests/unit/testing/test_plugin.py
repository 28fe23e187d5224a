"""The pytest plugin, run as its users run it: another pytest, on tests and bundles in a folder."""

from __future__ import annotations

import base64
import importlib.util
import json
import os
import subprocess
import sys
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import pytest
from forkpoint.bundle import read_bundle, write_bundle
from forkpoint.testing.expectations import written
from forkpoint.testing.made import out_of_memory
from forkpoint.testing.memory import TEST_KEY, recorded
from forkpoint.testing.regression import Policy

AGENT = """
import asyncio, socket, sys
import forkpoint

PROMPT = "How many {thing}?"
PLACE = "cellar"
SUFFIX = ""
BODIES = []

@forkpoint.tool(effect="read")
def look(place):
    BODIES.append("look")
    return {"place": place, "bottles": 3}

@forkpoint.model(name="adder")
def add(messages):
    BODIES.append("add")
    return f"there are {messages[1]['bottles'] + 1}"

def main():
    with forkpoint.run("bottles") as run:
        seen = look(PLACE)
        answer = add(messages=[PROMPT, seen]) + SUFFIX
        run.set_output({"answer": answer})
        return answer

async def later():
    await asyncio.sleep(0)
    return main()

if __name__ == "__main__":
    print(main())
"""
PLUGIN = "forkpoint.testing.plugin"
EXPECT = {"/status": "ok", "/output/answer": "there are 4", "/calls/look": 1, "/calls/pay": None}
TEST = """
import sys
import pytest
import agent

@pytest.mark.forkpoint("runs/bottles.fpb"{policy})
def test_bottles(forkpoint_replay):
    assert {call} == {value}
"""
LIVE: Policy = {
    "policy": "forkpoint.policy/1",
    "default": {"mode": "cached", "on_miss": ["live"]},
    "allow_live": {"hosts": ["127.0.0.1"]},
    "budgets": {"calls": 5, "tokens": 1000, "cost_usd": 1, "wall_s": 60},
}


@dataclass(frozen=True)
class Suite:
    """A folder with an agent, a test of it and a bundle."""

    folder: Path

    @property
    def bundle(self) -> Path:
        return self.folder / "runs" / "bottles.fpb"

    def agent(self, *changes: tuple[str, str]) -> None:
        """The agent with lines changed."""
        text = AGENT
        for before, after in changes:
            assert before in text
            text = text.replace(before, after)
        (self.folder / "agent.py").write_text(text)

    def test(
        self,
        call: str = "forkpoint_replay(agent.main)",
        value: str = "'there are 4'",
        policy: str = "",
    ) -> None:
        text = TEST.format(call=call, value=value, policy=policy)
        (self.folder / "test_bottles.py").write_text(text)

    def run(self, *words: str) -> tuple[int, str, dict[str, str]]:
        """Exit status, output, and what JUnit says of each result."""
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-p", PLUGIN, "--junitxml=j.xml", *words],
            cwd=self.folder,
            env={
                **{key: one for key, one in os.environ.items() if not key.startswith("PYTEST")},
                "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
                "FORKPOINT_DATA": str(self.folder / "data"),
                "FORKPOINT_REDACT_KEY": base64.b64encode(TEST_KEY).decode(),
            },
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        return done.returncode, done.stdout + done.stderr, self.junit()

    def junit(self) -> dict[str, str]:
        found: dict[str, str] = {}
        for case in ET.parse(self.folder / "j.xml").iter("testcase"):
            told = [child.tag for child in case if child.tag != "properties"]
            found[str(case.get("name"))] = told[0] if told else "passed"
        return found

    def properties(self, name: str) -> dict[str, str]:
        cases = ET.parse(self.folder / "j.xml").iter("testcase")
        case = next(one for one in cases if one.get("name") == name)
        return {str(one.get("name")): str(one.get("value")) for one in case.iter("property")}


def test_pytest_finds_the_plugin_by_itself():
    found = metadata.entry_points(group="pytest11", name="forkpoint")

    assert [point.value for point in found] == [PLUGIN]


@pytest.fixture
def suite(tmp_path: Path) -> Suite:
    """A recorded agent and its bundle, whose outcome is expected."""
    made = Suite(tmp_path)
    made.agent()
    made.test()
    made.bundle.parent.mkdir()
    spec = importlib.util.spec_from_file_location("agent", tmp_path / "agent.py")
    assert spec is not None
    assert spec.loader is not None
    agent = importlib.util.module_from_spec(spec)
    with recorded() as memory:
        spec.loader.exec_module(agent)
        agent.main()
        sink, run = memory.sink, memory.end.run_id
        run = out_of_memory(sink.starts, sink.ends, memory.events, sink.blocks, run=run)
    assert run is not None
    write_bundle(made.bundle, run.start, run.end, run.events, run.blocks, expect=written(EXPECT))
    return made


def test_an_unchanged_agent_passes_twice_and_none_of_its_code_runs(suite: Suite):
    suite.test(call="(forkpoint_replay(agent.main), agent.BODIES)", value="('there are 4', [])")
    status, said, results = suite.run()

    assert (status, results) == (0, {"test_bottles": "passed", "test_bottles[prompts]": "passed"})
    assert suite.properties("test_bottles")["forkpoint.verdict"] == "identical"
    assert suite.properties("test_bottles[prompts]")["forkpoint.matched"] == "2/2"
    assert "2 passed" in said
    assert "[100%]" in said


def test_coroutines_and_programs_are_replayed_too(suite: Suite):
    for call, value in (
        ("forkpoint_replay(agent.later)", "'there are 4'"),
        ("forkpoint_replay.command(sys.executable, 'agent.py').stdout", "'there are 4\\n'"),
    ):
        suite.test(call=call, value=value)
        status, said, results = suite.run()

        assert status == 0, said
        assert results == {"test_bottles": "passed", "test_bottles[prompts]": "passed"}


def test_a_drifted_prompt_is_a_result_of_its_own_and_leaves_the_outcome_open(suite: Suite):
    suite.agent(("How many {thing}?", "How many {thing}, please?"))
    status, said, results = suite.run()

    assert (status, results) == (1, {"test_bottles": "skipped", "test_bottles[prompts]": "failure"})
    assert "- How many {thing}?" in said
    assert "+ How many {thing}, please?" in said
    assert suite.properties("test_bottles")["forkpoint.expectations_unmet"] == "unknown"


def test_a_missed_expectation_fails_the_test_and_not_its_prompts(suite: Suite):
    suite.agent(('SUFFIX = ""', 'SUFFIX = "!"'))
    suite.test(value="'there are 4!'", policy=', policy="continue.json"')
    (suite.folder / "continue.json").write_text(
        json.dumps({"policy": "forkpoint.policy/1", "default": {"mode": "cached"}})
    )
    status, said, results = suite.run()

    assert (status, results["test_bottles[prompts]"]) == (1, "passed")
    assert results["test_bottles"] == "failure"
    assert "outcome" in said


def test_another_tool_argument_is_behaviour_and_no_drift(suite: Suite):
    suite.agent(('PLACE = "cellar"', 'PLACE = "attic"'))
    status, said, results = suite.run()

    assert (status, results) == (1, {"test_bottles": "failure", "test_bottles[prompts]": "passed"})
    assert "input_changed at #0 r#0" in said


def test_reaching_out_fails_the_test_even_if_it_is_swallowed(suite: Suite):
    suite.agent(
        (
            "        seen = look",
            "        try:\n            socket.create_connection(('127.0.0.1', 9))\n"
            "        except BaseException:\n            pass\n        seen = look",
        )
    )
    status, said, results = suite.run()

    assert (status, results["test_bottles"]) == (1, "failure")
    assert "guard_network" in said


def test_live_calls_need_the_option_and_the_policy(suite: Suite):
    suite.agent(("How many {thing}?", "How many {thing}, please?"))
    (suite.folder / "live.json").write_text(json.dumps(LIVE))
    suite.test(policy=', policy="live.json"')

    without = suite.run()
    with_live = suite.run("--forkpoint-live")

    assert without[0] == 1, without
    assert with_live[0] == 0, with_live


def test_an_update_rewrites_the_bundle_and_shows_what_changed(suite: Suite):
    suite.agent(('SUFFIX = ""', 'SUFFIX = "!"'))
    suite.test(value="'there are 4!'")
    before = suite.bundle.read_bytes()

    assert suite.run()[0] == 1
    assert suite.bundle.read_bytes() == before
    status, said, _ = suite.run("--forkpoint-update")
    assert status == 0, said
    assert "@ expect /output/answer\n- there are 4\n+ there are 4!" in said
    assert suite.run()[0] == 0
    with read_bundle(suite.bundle) as bundle:
        assert bundle.start.origin is None


def test_an_update_of_a_drifted_prompt_needs_the_model(suite: Suite):
    suite.agent(("How many {thing}?", "How many {thing}, please?"))
    (suite.folder / "live.json").write_text(json.dumps(LIVE))
    suite.test(policy=', policy="live.json"')
    before = suite.bundle.read_bytes()

    status, said, _ = suite.run("--forkpoint-update")
    assert (status, suite.bundle.read_bytes()) == (1, before)
    assert "was not rewritten" in said
    status, said, _ = suite.run("--forkpoint-update", "--forkpoint-live")
    assert status == 0, said
    assert "+ How many {thing}, please?" in said
    suite.test()
    assert suite.run()[0] == 0


def test_a_bundle_that_was_tampered_with_is_an_error(suite: Suite):
    whole = bytearray(suite.bundle.read_bytes())
    whole[len(whole) // 2] ^= 1
    suite.bundle.write_bytes(whole)
    status, said, results = suite.run()

    assert (status, results) == (1, {"test_bottles": "error"})
    assert "bundle refused" in said


def test_a_machine_without_the_key_replays_a_run_in_which_nothing_was_masked(
    suite: Suite, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("unit.testing.test_plugin.TEST_KEY", bytes(32))
    status, said, results = suite.run()

    assert status == 0, said
    assert results == {"test_bottles": "passed", "test_bottles[prompts]": "passed"}


def test_results_are_the_same_in_parallel(suite: Suite):
    suite.agent(("How many {thing}?", "How many {thing}, please?"))
    status, _, results = suite.run("-p", "xdist", "-n", "2")

    assert (status, results) == (1, {"test_bottles": "skipped", "test_bottles[prompts]": "failure"})
