"""The run list shows what was recorded, filters it, and opens it."""

from __future__ import annotations

from e2e.cockpit.conftest import Desk, Recorded
from playwright.sync_api import Locator, Page, expect


def rows(page: Page) -> Locator:
    return page.get_by_role("grid", name="Runs").locator("[data-run]")


def test_a_recorded_run_is_in_the_list_with_its_errors(
    desk: Desk, recording: str, failing: Recorded
):
    with desk.page(f"{recording}/runs") as page:
        row = page.locator(f'[data-run="{failing.id}"]')

        expect(row).to_contain_text("refund-agent")
        expect(row).to_contain_text("error")
        expect(row).to_contain_text("1▲")


def test_a_filter_narrows_the_list_and_stays_in_the_address(
    desk: Desk, recording: str, failing: Recorded, pair: tuple[str, str]
):
    with desk.page(f"{recording}/runs") as page:
        expect(rows(page).first).to_be_visible()
        page.keyboard.press("/")
        page.keyboard.type("status:error name:refund-agent")

        expect(rows(page)).to_have_count(1)
        page.reload()
        expect(rows(page)).to_have_count(1)
        expect(rows(page)).to_have_attribute("data-run", failing.id)


def test_two_selected_runs_are_compared(desk: Desk, recording: str, pair: tuple[str, str]):
    with desk.page(f"{recording}/runs?q=name:banking/user_task_13") as page:
        # other tests may have recorded the task as well
        expect(rows(page).nth(1)).to_be_visible()
        chosen = {rows(page).nth(at).get_attribute("data-run") for at in (0, 1)}
        page.keyboard.press("j")
        page.keyboard.press("Space")
        page.keyboard.press("j")
        page.keyboard.press("Space")
        page.keyboard.press("c")

        page.wait_for_url("**/diff/**")
        assert set(page.url.split("/diff/")[1].partition("?")[0].split("...")) == chosen
