"""A fork from the cockpit: edit a step's output, see the plan, launch, follow it live, compare."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from e2e.cockpit.conftest import Desk
from playwright.sync_api import Locator, Page, expect

PROGRAM = Path(sys.executable).with_name("forkpoint")
NAME = "bottle-agent"
AGENT = """
import os
from pathlib import Path
import forkpoint

@forkpoint.tool(effect="read")
def look(place):
    return {"place": place, "bottles": 3}

@forkpoint.model(name="adder")
def add(messages):
    return f"there are {messages[0]['bottles'] + 1}"

@forkpoint.tool(effect="read")
def check(answer):
    gate = os.environ.get("GATE")
    if gate:
        Path(gate).read_text()  # a pipe: this waits until the test writes
    return {"checked": answer, "mood": os.environ.get("MOOD", "plain")}

def main():
    with forkpoint.run("bottle-agent") as run:
        look("door")
        answer = add(messages=[look("cellar")])
        run.set_output(check(answer))

if __name__ == "__main__":
    main()
"""
SOON_MS = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Agent:
    """A recorded run of an agent whose code a runner holds."""

    run: str
    gate: Path
    """A pipe that the last step of a live run reads."""


@pytest.fixture(scope="module")
def agent(server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Agent]:
    """The agent, recorded once, and a runner process that offers its code."""
    folder = tmp_path_factory.mktemp("bottles")
    (folder / "bottles.py").write_text(AGENT)
    environment = os.environ | {"FORKPOINT_URL": server, "FORKPOINT_DATA": str(folder / "data")}
    capture = [PROGRAM, "capture", "--", sys.executable, "bottles.py"]
    subprocess.run(capture, cwd=folder, env=environment, check=True, timeout=120)
    listed = subprocess.run(
        [PROGRAM, "runs", "list", "--json"],
        env=environment,
        check=True,
        capture_output=True,
        timeout=60,
    )
    [run] = [node["id"] for node in json.loads(listed.stdout)["nodes"] if node["name"] == NAME]
    gate = folder / "gate"
    os.mkfifo(gate)
    serving = subprocess.Popen(
        [PROGRAM, "runner", "--name", "bench", "--entry", f"{NAME}=bottles:main"],
        cwd=folder,
        env=environment | {"GATE": str(gate)},
        stdout=subprocess.DEVNULL,
    )
    yield Agent(run=run, gate=gate)
    serving.terminate()
    assert serving.wait(30) == 0


def rows(page: Page) -> Locator:
    return page.get_by_role("treegrid").locator("[data-step]")


def plan(page: Page) -> Locator:
    return page.get_by_label("Plan", exact=True)


def write(page: Page, text: str, tab: str = "Output") -> None:
    """Replace what stands in the editor of a tab."""
    editor = page.get_by_role("textbox", name=tab)
    editor.click()
    page.keyboard.press("ControlOrMeta+a")
    page.keyboard.insert_text(text)


def test_a_step_is_edited_launched_followed_to_its_end_and_compared(
    desk: Desk, recording: str, agent: Agent
):
    with desk.page(f"{recording}/runs/{agent.run}") as page:
        rows(page).filter(has_text="look").nth(1).click()
        page.keyboard.press("f")
        page.wait_for_url("**/fork/**")

        write(page, '{"place": "cellar", "bottles": ')
        page.keyboard.type("8", delay=0)
        page.keyboard.type("0}")
        expect(page.get_by_role("textbox", name="Output")).to_contain_text('"bottles": 80}')
        expect(plan(page).get_by_label("runs in")).to_have_value("host-0", timeout=SOON_MS)
        expect(plan(page)).to_contain_text("edited")
        page.get_by_role("radio", name="All live").check()
        page.get_by_label("hosts that may be reached").fill("127.0.0.1")
        launch = plan(page).get_by_role("button", name="Fork, live up to $1.00")
        expect(launch).to_be_enabled()
        page.keyboard.press("ControlOrMeta+Enter")

        page.wait_for_url("**/runs/**base=**", timeout=SOON_MS)
        expect(rows(page)).to_have_count(4, timeout=SOON_MS)
        bar = page.get_by_label("Replay", exact=True)
        expect(bar).to_contain_text("running")
        expect(rows(page).nth(0)).to_contain_text("exact")
        expect(rows(page).nth(1)).to_contain_text("edited")
        expect(rows(page).nth(3)).to_contain_text("live")

        agent.gate.write_text("go on")
        result = page.get_by_label("Result of the replay", exact=True)
        expect(result).to_contain_text("forked", timeout=SOON_MS)
        result.get_by_role("link", name="Diff").click()
        banner = page.get_by_role("region", name="First divergence")
        expect(banner).to_contain_text("look", timeout=SOON_MS)
        expect(banner).to_contain_text("intervention")


def test_the_process_of_the_agent_is_edited_from_the_cut_on(
    desk: Desk, recording: str, agent: Agent
):
    with desk.page(f"{recording}/runs/{agent.run}") as page:
        rows(page).filter(has_text="check").click()
        page.keyboard.press("f")
        page.get_by_role("tab", name="Environment").click()
        write(page, '{"MOOD": "merry"}', "Environment")
        expect(plan(page).get_by_label("runs in")).to_have_value("host-0", timeout=SOON_MS)
        page.get_by_role("radio", name="All live").check()
        page.get_by_label("hosts that may be reached").fill("127.0.0.1")
        launch = plan(page).get_by_role("button", name="Fork, live up to $1.00")
        expect(launch).to_be_enabled(timeout=SOON_MS)
        launch.click()

        page.wait_for_url("**/runs/**base=**", timeout=SOON_MS)
        agent.gate.write_text("go on")
        result = page.get_by_label("Result of the replay", exact=True)
        expect(result).to_contain_text("forked", timeout=SOON_MS)
        rows(page).nth(3).click()
        page.get_by_role("tab", name="Output").click()
        expect(page.get_by_role("tabpanel")).to_contain_text("merry", timeout=SOON_MS)


def test_a_draft_that_cannot_be_read_is_not_launched_and_outlives_a_reload(
    desk: Desk, recording: str, agent: Agent
):
    with desk.page(f"{recording}/runs/{agent.run}") as page:
        rows(page).filter(has_text="look").nth(1).click()
        page.keyboard.press("f")
        write(page, '{"bottles": ')
        expect(page.get_by_role("alert").first).to_contain_text("No JSON")
        expect(plan(page).get_by_role("button", name="Fork")).to_have_count(0)
        page.reload()
        expect(page.get_by_role("textbox", name="Output")).to_contain_text('{"bottles":')
        expect(page.get_by_role("alert").first).to_contain_text("No JSON")


def test_an_exact_replay_is_executed_by_the_runner_and_is_identical(
    desk: Desk, recording: str, agent: Agent
):
    with desk.page(f"{recording}/runs/{agent.run}") as page:
        expect(rows(page)).to_have_count(4)
        page.keyboard.press("r")
        page.wait_for_url("**/runs/**base=**", timeout=SOON_MS)
        bar = page.get_by_label("Replay", exact=True)
        expect(bar).to_contain_text("identical", timeout=SOON_MS)
        expect(bar).to_contain_text("runner")
        expect(rows(page).get_by_text("exact", exact=True)).to_have_count(4)
