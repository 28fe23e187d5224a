"""Causes on the diff page: by tier, verified from the page by a real runner, and written out."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from e2e.cockpit.conftest import Desk
from playwright.sync_api import Locator, Page, expect
from shop import POLICY, Shop, open_shop


@pytest.fixture(scope="module")
def shop(server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    opened = open_shop(server, tmp_path_factory.mktemp("shop"))
    with opened.runner():
        yield opened


@pytest.fixture(scope="module")
def pair(shop: Shop) -> tuple[str, str]:
    good = shop.visit(bottles=3, sky="a clear sky over all of the valley")
    return good, shop.visit(bottles=0, sky="heavy rain over all of the valley")


def causes(page: Page) -> Locator:
    return page.get_by_role("region", name="Causes")


def test_a_cause_is_verified_from_the_page_and_its_words_update(
    desk: Desk, shop: Shop, pair: tuple[str, str]
):
    with desk.page(f"{shop.url}/diff/{pair[0]}...{pair[1]}") as page:
        expect(causes(page)).to_contain_text("2 possible")
        expect(causes(page).get_by_role("list", name="Way to the outcome").first).to_contain_text(
            "outcome"
        )
        page.keyboard.press("v")
        dialog = page.get_by_role("dialog", name="Verify causes")
        place = dialog.get_by_label("runs in")
        expect(place.locator("option", has_text=shop.entry)).to_have_count(1)
        place.select_option(index=entry_at(place, shop.entry))
        dialog.get_by_label("may do").select_option("own")
        dialog.get_by_label("Policy").fill(json.dumps(POLICY))
        expect(dialog).to_contain_text("A's answer")
        dialog.get_by_role("button", name="Verify: 6 to 82 replays").click()

        expect(dialog).to_have_count(0)
        done = page.get_by_role("status").filter(has_text="6 replays")
        expect(done).to_have_attribute("data-state", "finished", timeout=60_000)
        expect(causes(page)).to_contain_text("1 verified, 1 refuted")
        words = causes(page).get_by_role("listitem").filter(has_text="revert 1/1, keep 0/1")
        expect(words).to_contain_text("verified")


def entry_at(place: Locator, entry: str) -> int:
    texts = place.locator("option").all_text_contents()
    return next(at for at, text in enumerate(texts) if entry in text)


def test_the_report_is_downloaded_as_one_page(
    desk: Desk, shop: Shop, pair: tuple[str, str], tmp_path: Path
):
    with desk.page(f"{shop.url}/diff/{pair[0]}...{pair[1]}") as page:
        with page.expect_download() as begun:
            page.get_by_role("button", name="HTML").click()
        begun.value.save_as(tmp_path / "diff.html")

    written = (tmp_path / "diff.html").read_text()
    assert written.startswith("<!doctype html>") and "#0 tool look" in written


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_a_cohort_shows_where_failed_runs_part_from_good_ones(
    desk: Desk, shop: Shop, pair: tuple[str, str], dark: bool
):
    with desk.page(f"{shop.url}/cohort/{pair[0]}", dark=dark) as page:
        page.get_by_label("Filter runs").fill("name:shop kind:tool")
        expect(page.get_by_text("runs with the outcome of the base").or_(
            page.get_by_text("run with the outcome of the base")
        )).to_be_visible()
        expect(page.get_by_role("row", name="look").first).to_be_visible()
        lines = page.get_by_role("list", name="Runs").get_by_role("link")
        lines.first.click()
        page.wait_for_url(f"**/diff/{pair[0]}...*")
