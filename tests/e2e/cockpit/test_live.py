"""A run that is being recorded, followed in the browser, through a connection that breaks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import forkpoint
import httpx2
import pytest
from e2e.cockpit.conftest import Desk
from e2e.cockpit.cutting import Door, door_to
from playwright.sync_api import Browser, Locator, Page, expect

SOON_MS = 1000
"""From the call of a step to its row on the screen."""
RECONNECTED_MS = 5000


@pytest.fixture
def door(recording: str) -> Iterator[Door]:
    with door_to(recording) as opened:
        yield opened


@forkpoint.tool(effect="pure", name="tick")
def tick(number: int) -> int:
    return number


def step_rows(page: Page) -> Locator:
    return page.get_by_role("treegrid").locator("[data-step]")


def steps_shown(page: Page) -> list[int]:
    return [int(row.get_attribute("data-step") or -1) for row in step_rows(page).all()]


def steps_recorded(url: str, run: str) -> list[int]:
    """Numbers of the steps of a run; they skip, since other events have numbers too."""
    query = f'{{ run(id: "{run}") {{ steps(first: 200) {{ nodes {{ sequence }} }} }} }}'
    answer = httpx2.post(f"{url}/graphql", json={"query": query}).json()
    return [int(node["sequence"]) for node in answer["data"]["run"]["steps"]["nodes"]]


def test_each_step_of_a_running_run_appears_within_a_second(desk: Desk, door: Door):
    with forkpoint.run("live-agent") as run:
        tick(0)
        assert forkpoint.flush(30)
        with desk.page(f"{door.url}/runs/{run.id}?follow=1") as page:
            expect(step_rows(page)).to_have_count(1)
            for number in range(1, 11):
                tick(number)
                expect(step_rows(page)).to_have_count(number + 1, timeout=SOON_MS)
            assert steps_shown(page) == steps_recorded(door.url, run.id)


def test_no_step_is_missing_or_doubled_after_the_socket_was_cut(browser: Browser, door: Door):
    desk = Desk(browser=browser)
    with forkpoint.run("cut-agent") as run:
        tick(0)
        assert forkpoint.flush(30)
        with desk.page(f"{door.url}/runs/{run.id}?follow=1") as page:
            for number in range(1, 6):
                tick(number)
                expect(step_rows(page)).to_have_count(number + 1, timeout=SOON_MS)
            opened = door.opened

            assert door.cut() > 0
            tick(6)
            tick(7)
            expect(step_rows(page)).to_have_count(8, timeout=RECONNECTED_MS)
            for number in range(8, 12):
                tick(number)
                expect(step_rows(page)).to_have_count(number + 1, timeout=SOON_MS)

            assert steps_shown(page) == steps_recorded(door.url, run.id)
            assert door.opened > opened
    # The browser itself reports the broken connection, and nothing else was wrong.
    assert [said for said in desk.complaints.said if "WebSocket" not in said] == []


def test_the_end_of_the_run_is_seen_without_asking(desk: Desk, door: Door):
    with ExitStack() as opened:
        with forkpoint.run("ending-agent") as run:
            tick(0)
            assert forkpoint.flush(30)
            page = opened.enter_context(desk.page(f"{door.url}/runs/{run.id}"))
            expect(page.get_by_text("live", exact=True)).to_be_visible()

        expect(page.get_by_text("live", exact=True)).to_have_count(0)
