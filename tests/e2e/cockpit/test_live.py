"""A run that is being recorded, followed in the browser, through a connection that breaks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import forkpoint
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


def steps_shown(page: Page) -> list[int]:
    rows = page.get_by_role("treegrid").locator("[data-step]")
    return [int(row.get_attribute("data-step") or -1) for row in rows.all()]


def step_row(page: Page, sequence: int) -> Locator:
    return page.locator(f'[role="treegrid"] [data-step="{sequence}"]')


def test_each_step_of_a_running_run_appears_within_a_second(desk: Desk, door: Door):
    with forkpoint.run("live-agent") as run:
        tick(0)
        assert forkpoint.flush(30)
        with desk.page(f"{door.url}/runs/{run.id}?follow=1") as page:
            expect(step_row(page, 0)).to_be_visible()
            for number in range(1, 11):
                tick(number)
                expect(step_row(page, 2 * number)).to_be_visible(timeout=SOON_MS)
            assert steps_shown(page) == list(range(0, 22, 2))


def test_no_step_is_missing_or_doubled_after_the_socket_was_cut(browser: Browser, door: Door):
    desk = Desk(browser=browser)
    with forkpoint.run("cut-agent") as run:
        tick(0)
        assert forkpoint.flush(30)
        with desk.page(f"{door.url}/runs/{run.id}?follow=1") as page:
            for number in range(1, 6):
                tick(number)
                expect(step_row(page, 2 * number)).to_be_visible(timeout=SOON_MS)
            opened = door.opened

            assert door.cut() > 0
            tick(6)
            tick(7)
            expect(step_row(page, 14)).to_be_visible(timeout=RECONNECTED_MS)
            for number in range(8, 12):
                tick(number)
                expect(step_row(page, 2 * number)).to_be_visible(timeout=SOON_MS)

            assert steps_shown(page) == list(range(0, 24, 2))
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
