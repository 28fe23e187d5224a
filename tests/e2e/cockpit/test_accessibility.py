"""The pages hold to WCAG 2.2 AA as far as axe can tell, in both themes."""

from __future__ import annotations

from typing import Any

import pytest
from e2e.cockpit.conftest import ROOT, Desk, Recorded
from playwright.sync_api import Page, expect

AXE = ROOT / "cockpit/node_modules/axe-core/axe.min.js"
RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}


def complaints(page: Page) -> list[str]:
    """What axe finds: the rule, and the places that break it."""
    page.evaluate(AXE.read_text())
    found: list[dict[str, Any]] = page.evaluate(
        "async (rules) => (await axe.run(document, rules)).violations", RULES
    )
    return [
        f"{rule['id']}: {node['target']} {node['failureSummary']}"
        for rule in found
        for node in rule["nodes"]
    ]


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_no_page_breaks_a_rule(
    desk: Desk, recording: str, failing: Recorded, pair: tuple[str, str], dark: bool
):
    pages = {
        "/runs": "Runs",
        f"/runs/{failing.id}/steps/10": "refund",
        f"/runs/{failing.id}/fork/10": "Plan",
        f"/diff/{pair[0]}...{pair[1]}": "first divergence",
        f"/replays/{failing.id}": "There is no such replay",
    }
    found: dict[str, list[str]] = {}
    with desk.page(recording, dark=dark) as page:
        for path, words in pages.items():
            page.goto(recording + path)
            expect(page.get_by_text(words).first).to_be_visible()
            expect(page.get_by_role("status", name="Loading")).to_have_count(0)
            found |= {path: said} if (said := complaints(page)) else {}
    assert found == {}
