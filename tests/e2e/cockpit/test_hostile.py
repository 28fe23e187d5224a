"""Recorded content is hostile: it is shown as text, wherever it stands, and does nothing."""

from __future__ import annotations

import forkpoint
import pytest
from e2e.cockpit.conftest import Desk
from playwright.sync_api import Page, expect

CORPUS = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<svg onload=alert(1)>",
    "javascript:alert(1)",
    "\"><iframe srcdoc='<script>alert(1)</script>'>",
    "{{constructor.constructor('alert(1)')()}}",
    "</textarea><script>fetch('http://203.0.113.9/')</script>",
    "pay \u202egpj.exe\u202c \u200b\u2066hidden\u2069 \x1b]8;;http://203.0.113.9\x07link",
    "__proto__",
]


def record(answer_more: str) -> str:
    with forkpoint.run(f"hostile {CORPUS[1]}", tags=["x:<b>bold</b>", CORPUS[0]]) as run:
        for text in CORPUS:

            @forkpoint.tool(effect="read", name=text)
            def call(given: str, more: str) -> dict[str, object]:
                return {given: [given, more], "html": given}

            call(text, answer_more)

        @forkpoint.tool(effect="read", name="raise <img src=x onerror=alert(2)>")
        def fail() -> None:
            raise RuntimeError(CORPUS[1] + answer_more)

        with pytest.raises(RuntimeError):
            fail()
    return run.id


@pytest.fixture(scope="module")
def hostile(recording: str) -> tuple[str, str]:
    made = record("<b>one</b>"), record("<img src=//203.0.113.9/y onerror=alert(3)>")
    assert forkpoint.flush(30)
    return made


def no_markup_of_theirs(page: Page) -> None:
    found = page.locator("iframe, img, b:has-text('bold'), script:not([src]), [onerror], [onload]")
    expect(found).to_have_count(0)
    assert page.locator('a[href^="javascript:"]').count() == 0


def test_hostile_names_do_nothing_in_the_run_list(
    desk: Desk, recording: str, hostile: tuple[str, str]
):
    with desk.page(f"{recording}/runs?q=hostile") as page:
        expect(page.locator(f'[data-run="{hostile[0]}"]')).to_contain_text("onerror=alert(1)")
        no_markup_of_theirs(page)


def test_hostile_steps_do_nothing_in_the_run_page(
    desk: Desk, recording: str, hostile: tuple[str, str]
):
    with desk.page(f"{recording}/runs/{hostile[0]}") as page:
        expect(page.get_by_role("treegrid")).to_contain_text("<script>alert(1)</script>")
        expect(page.get_by_role("treegrid")).to_contain_text("⟨U+202E⟩")
        for number in range(len(CORPUS) + 1):
            page.locator(f'[data-step="{2 * number}"]').click()
            expect(page.get_by_label(f"Step #{2 * number}", exact=True)).to_be_visible()
            no_markup_of_theirs(page)


def test_hostile_differences_do_nothing_in_the_diff_page(
    desk: Desk, recording: str, hostile: tuple[str, str]
):
    with desk.page(f"{recording}/diff/{hostile[0]}...{hostile[1]}") as page:
        pair = page.get_by_role("region", name="Pair")
        expect(pair).to_contain_text("onerror=alert(3)")
        for row in range(len(CORPUS) + 1):
            page.locator(f'[data-row="{row}"]').click()
            for tab in pair.get_by_role("tab").all():
                tab.click()
                no_markup_of_theirs(page)
        page.locator('[data-row="7"]').click()
        expect(page.locator('[data-row="7"]').first).to_contain_text("⟨U+202E⟩")
