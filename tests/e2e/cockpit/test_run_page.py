"""The run page opens on the step that matters and is walked with the keys."""

from __future__ import annotations

from e2e.cockpit.conftest import Desk, Recorded
from playwright.sync_api import Locator, Page, expect


def selected(page: Page) -> Locator:
    return page.locator('[role="treegrid"] [data-step][aria-selected="true"]')


def test_a_failed_run_opens_on_its_error(desk: Desk, recording: str, failing: Recorded):
    with desk.page(f"{recording}/runs/{failing.id}") as page:
        expect(selected(page)).to_have_attribute("data-step", "10")
        inspector = page.get_by_label("Step #10", exact=True)
        expect(inspector).to_contain_text("amount exceeds order total")


def test_the_keys_walk_the_steps(desk: Desk, recording: str, failing: Recorded):
    with desk.page(f"{recording}/runs/{failing.id}") as page:
        expect(selected(page)).to_have_attribute("data-step", "10")
        page.keyboard.press("k")
        expect(selected(page)).to_have_attribute("data-step", "8")
        page.keyboard.press("k")
        page.keyboard.press("ArrowUp")
        expect(selected(page)).to_have_attribute("data-step", "4")
        page.keyboard.press("j")
        expect(selected(page)).to_have_attribute("data-step", "6")
        page.keyboard.press("n")
        expect(selected(page)).to_have_attribute("data-step", "10")


def test_a_chosen_step_is_in_the_address(desk: Desk, recording: str, failing: Recorded):
    with desk.page(f"{recording}/runs/{failing.id}") as page:
        page.locator('[data-step="4"]').click()
        page.wait_for_url("**/steps/4**")
        page.reload()
        expect(selected(page)).to_have_attribute("data-step", "4")
