"""The run page of a replay: modes and agreement of each step, the verdict, the ways back."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from e2e.cockpit.conftest import Desk
from playwright.sync_api import Page, expect

AGENT = """
import forkpoint

@forkpoint.model(name="ask")
def ask(messages):
    return {"role": "assistant", "content": f"answer {len(messages)}"}

@forkpoint.tool(effect="read")
def look_up(number):
    return {"number": number, "words": [f"word {n}" for n in range(300)]}

with forkpoint.run("replayed-agent"):
    talk = [{"role": "user", "content": "start"}]
    for number in range(3):
        talk.append(ask(messages=list(talk)))
        talk.append({"role": "tool", "content": str(look_up(number)["number"])})
"""


@pytest.fixture(scope="session")
def replayed(server: str, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """A recorded run and its exact replay, by id."""
    place = tmp_path_factory.mktemp("replayed")
    program = place / "agent.py"
    program.write_text(AGENT)
    forkpoint(server, place, "capture", "--", sys.executable, str(program))
    [recorded] = ids(server, place)
    forkpoint(server, place, "replay", recorded, "--", sys.executable, str(program))
    [replay] = ids(server, place) - {recorded}
    return recorded, replay


def forkpoint(server: str, data: Path, *arguments: str) -> str:
    done = subprocess.run(
        [Path(sys.executable).with_name("forkpoint"), *arguments],
        env=os.environ | {"FORKPOINT_URL": server, "FORKPOINT_DATA": str(data)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def ids(server: str, data: Path) -> set[str]:
    listed = json.loads(forkpoint(server, data, "runs", "list", "--json"))
    return {node["id"] for node in listed["nodes"] if node["name"] == "replayed-agent"}


def step_rows(page: Page):
    return page.get_by_role("treegrid").locator("[data-step]")


def test_each_step_of_a_replay_shows_its_mode_and_that_it_agrees(
    desk: Desk, recording: str, replayed: tuple[str, str]
):
    with desk.page(f"{recording}/runs/{replayed[1]}") as page:
        expect(step_rows(page)).to_have_count(6)
        expect(step_rows(page).get_by_text("exact", exact=True)).to_have_count(6)
        expect(step_rows(page).get_by_text("=", exact=True)).to_have_count(6)


def test_the_verdict_stands_over_the_replay_with_the_ways_back(
    desk: Desk, recording: str, replayed: tuple[str, str]
):
    recorded, replay = replayed
    with desk.page(f"{recording}/runs/{replay}") as page:
        bar = page.get_by_label("Replay", exact=True)
        expect(bar).to_contain_text("identical")
        expect(bar).to_contain_text("6 of 6 recorded steps")
        page.keyboard.press("c")
        page.wait_for_url(f"**/diff/{recorded}...{replay}**")


def test_a_replayed_step_says_which_recorded_step_it_was_served_from(
    desk: Desk, recording: str, replayed: tuple[str, str]
):
    with desk.page(f"{recording}/runs/{replayed[1]}/steps/2?tab=replay") as page:
        panel = page.get_by_role("tabpanel")
        expect(panel).to_contain_text("recorded step #2")
        panel.get_by_role("link", name="recorded step #2").click()
        page.wait_for_url(f"**/runs/{replayed[0]}/steps/2**")


def test_only_messages_new_since_the_model_step_before_are_open(
    desk: Desk, recording: str, replayed: tuple[str, str]
):
    with desk.page(f"{recording}/runs/{replayed[0]}/steps/4?tab=messages") as page:
        panel = page.get_by_role("tabpanel")
        expect(panel.get_by_role("listitem")).to_have_count(2)
        panel.get_by_role("button", name="1 unchanged since #0").click()
        expect(panel.get_by_role("listitem")).to_have_count(3)


def test_a_long_list_is_shown_two_hundred_entries_at_a_time(
    desk: Desk, recording: str, replayed: tuple[str, str]
):
    with desk.page(f"{recording}/runs/{replayed[0]}/steps/2?tab=output") as page:
        panel = page.get_by_role("tabpanel")
        panel.get_by_role("button", name="words").click()
        expect(panel.get_by_text("word 199", exact=True)).to_be_visible()
        expect(panel.get_by_text("word 200", exact=True)).to_have_count(0)
        panel.get_by_role("button", name="200 of 300").click()
        expect(panel.get_by_text("word 299", exact=True)).to_be_visible()


def test_the_sources_of_a_step_lead_to_where_its_input_came_from(
    desk: Desk, recording: str, replayed: tuple[str, str]
):
    with desk.page(f"{recording}/runs/{replayed[0]}/steps/4?tab=sources") as page:
        came_from = page.get_by_label("came from", exact=True)
        came_from.get_by_role("link", name="#0 ask").click()
        page.wait_for_url("**/steps/0**")


def test_the_palette_runs_a_command_and_the_help_sheet_names_the_keys(
    desk: Desk, recording: str, replayed: tuple[str, str]
):
    with desk.page(f"{recording}/runs/{replayed[0]}") as page:
        expect(step_rows(page)).to_have_count(6)
        page.keyboard.press("?")
        expect(page.get_by_role("dialog")).to_contain_text("Next error")
        page.keyboard.press("Escape")
        page.keyboard.press("Control+k")
        page.keyboard.type("waterfall")
        page.keyboard.press("Enter")
        page.wait_for_url("**view=waterfall**")


def test_the_window_of_the_timeline_is_kept_in_the_address(
    desk: Desk, recording: str, replayed: tuple[str, str]
):
    with desk.page(f"{recording}/runs/{replayed[0]}") as page:
        expect(step_rows(page)).to_have_count(6)
        page.keyboard.press("w")
        page.wait_for_url("**from=**")
        page.keyboard.press("0")
        page.wait_for_url(lambda url: "from=" not in url)
