"""A loop that stopped for a tool's answer is given it in the cockpit, and goes on."""

from __future__ import annotations

from typing import Any

import httpx2
from e2e.cockpit.conftest import Desk
from playwright.sync_api import expect

SOON_MS = 20_000
MODELS = """query($run: ID!) { run(id: $run) { steps(first: 60) { nodes {
    key kind artifacts { role value } } } } }"""
START = "mutation($i: StartReplayInput!) { startReplay(input: $i) { sessions { id } } }"
POLICY = {"policy": "forkpoint.policy/1", "default": {"mode": "cached", "on_miss": ["halt"]}}


def asked(url: str, query: str, **variables: object) -> Any:
    """The data of an operation."""
    body = {"query": query, "variables": variables}
    answer = httpx2.post(f"{url}/graphql", json=body, timeout=60).json()
    assert "errors" not in answer, answer
    return answer["data"]


def asking_otherwise(url: str, run: str) -> dict[str, object]:
    """An edit of the first reply, which calls a tool: it is called with other arguments."""
    steps = asked(url, MODELS, run=run)["run"]["steps"]["nodes"]
    step = next(step for step in steps if step["kind"] == "MODEL")
    [reply] = [each["value"] for each in step["artifacts"] if each["role"] == "output"]
    [call, *_] = reply["tool_calls"]
    call["function"]["arguments"] = '{"file_path":"nobody-read-this.txt"}'
    return {"kind": "output", "key": step["key"], "value": {**reply, "tool_calls": [call]}}


def test_a_loop_that_needs_an_output_is_resumed_with_it(
    desk: Desk, server: str, pair: tuple[str, str]
):
    edit = asking_otherwise(server, pair[1])
    spec = {"runId": pair[1], "executor": "LOOP", "policy": POLICY, "edits": [edit]}
    made = asked(server, START, i={**spec, "cut": {"key": edit["key"]}})["startReplay"]["sessions"]
    with desk.page(f"{server}/replays/{made[0]['id']}") as page:
        result = page.get_by_label("Result of the replay", exact=True)
        expect(result).to_contain_text("needs_tool_output", timeout=SOON_MS)
        result.get_by_role("link", name="Resume with this output").click()
        expect(page.get_by_role("heading", level=1)).to_contain_text("Resume")
        expect(page.get_by_role("radio", name="As before")).to_be_checked()
        page.get_by_role("textbox", name="Output").click()
        page.keyboard.press("ControlOrMeta+a")
        page.keyboard.type('"an empty file"')
        plan = page.get_by_label("Plan", exact=True)
        launch = plan.get_by_role("button", name="Resume, nothing leaves")
        expect(launch).to_be_enabled(timeout=SOON_MS)
        launch.click()

        expect(result).to_contain_text("no_answer", timeout=SOON_MS)
        rows = page.get_by_role("treegrid").locator("[data-step]")
        expect(rows.get_by_text("edited", exact=True)).to_have_count(2)
