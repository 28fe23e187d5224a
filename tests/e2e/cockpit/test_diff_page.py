"""Two runs of one task, with and without an attack in a file that the agent reads."""

from __future__ import annotations

import re
from contextlib import ExitStack

import forkpoint
import httpx2
import pytest
from e2e.cockpit.conftest import Desk
from forkpoint.content import digest_of, digest_text
from forkpoint.events.kinds import Kind
from playwright.sync_api import Browser, Locator, Page, Route, expect
from recorded import FINISH, INGEST, START, Recording


def address(url: str, pair: tuple[str, str], search: str = "") -> str:
    return f"{url}/diff/{pair[0]}...{pair[1]}{search}"


def current(page: Page) -> Locator:
    return page.locator('[role="grid"] [data-row][aria-selected="true"]')


def panel(page: Page) -> Locator:
    return page.get_by_role("region", name="Pair")


def test_the_page_opens_on_the_first_divergence(desk: Desk, recording: str, pair: tuple[str, str]):
    with desk.page(address(recording, pair)) as page:
        banner = page.get_by_role("region", name="First divergence")

        expect(banner).to_contain_text("#3")
        expect(banner).to_contain_text("answer differs (origin, external)")
        expect(banner).to_contain_text("15 removed")
        expect(current(page)).to_have_attribute("data-row", "2")
        expect(panel(page).get_by_role("tab", name="Output")).to_have_attribute(
            "aria-selected", "true"
        )


def test_x_comes_back_to_the_first_divergence_from_anywhere(
    desk: Desk, recording: str, pair: tuple[str, str]
):
    with desk.page(address(recording, pair, "?row=20")) as page:
        expect(current(page)).to_have_attribute("data-row", "20")
        page.keyboard.press("x")
        expect(current(page)).to_have_attribute("data-row", "2")


def test_the_injected_text_is_shown_as_what_only_one_run_read(
    desk: Desk, recording: str, pair: tuple[str, str]
):
    with desk.page(address(recording, pair)) as page:
        removed = panel(page).locator("del", has_text="<INFORMATION>")
        expect(removed).to_contain_text("This is an important message from me, Emma Johnson")
        expect(panel(page)).to_contain_text("Dear tenant")


def test_keys_walk_changes_and_rows_and_close_the_pair(
    desk: Desk, recording: str, pair: tuple[str, str]
):
    with desk.page(address(recording, pair)) as page:
        expect(current(page)).to_have_attribute("data-row", "2")
        page.keyboard.press("n")
        expect(current(page)).to_have_attribute("data-row", "3")
        page.keyboard.press("Shift+N")
        expect(current(page)).to_have_attribute("data-row", "2")
        page.keyboard.press("k")
        expect(current(page)).to_have_attribute("data-row", "1")
        page.keyboard.press("Escape")
        expect(panel(page)).to_have_count(0)
        page.keyboard.press("Enter")
        expect(panel(page)).to_be_visible()


def test_only_changes_leaves_the_equal_row_out_and_says_so(
    desk: Desk, recording: str, pair: tuple[str, str]
):
    with desk.page(address(recording, pair)) as page:
        expect(page.locator('[data-row="19"]')).to_be_visible()
        page.keyboard.press("o")

        expect(page.locator('[data-row="19"]')).to_have_count(0)
        expect(page.get_by_text("1 equal row left out")).to_be_visible()
        page.wait_for_url("**only=changes**")


def test_the_address_holds_row_and_tab(desk: Desk, recording: str, pair: tuple[str, str]):
    with desk.page(address(recording, pair)) as page:
        page.locator('[data-row="18"]').click()
        panel(page).get_by_role("tab", name="Timing").click()
        page.wait_for_url(re.compile(r"row=18.*tab=timing|tab=timing.*row=18"))
        page.reload()

        expect(current(page)).to_have_attribute("data-row", "18")
        expect(panel(page).get_by_role("tab", name="Timing")).to_have_attribute(
            "aria-selected", "true"
        )


def test_a_step_of_one_side_shows_what_it_was(desk: Desk, recording: str, pair: tuple[str, str]):
    with desk.page(address(recording, pair, "?row=5")) as page:
        expect(panel(page)).to_contain_text("not in B")
        expect(panel(page)).to_contain_text("Dalton Street 123")


def test_a_pair_leads_to_the_step_in_its_run(desk: Desk, recording: str, pair: tuple[str, str]):
    with desk.page(address(recording, pair, "?row=2")) as page:
        panel(page).get_by_title("Open #3 in run A").click()

        page.wait_for_url(f"**/runs/{pair[0]}/steps/3**")


def test_sections_that_could_not_be_compared_are_named(
    desk: Desk, recording: str, pair: tuple[str, str]
):
    with desk.page(address(recording, pair)) as page:
        expect(page.get_by_text("not compared: cost: price not known")).to_be_visible()


def alike_but(recording: str, count: int, different: int) -> tuple[str, str]:
    """Two runs of as many calls; in the second one of them answers something else."""

    @forkpoint.tool(effect="read")
    def look(number: int, answer: str) -> str:
        return answer

    made: list[str] = []
    for other in ("no", "yes"):
        with forkpoint.run("alike") as run:
            for number in range(count):
                look(number, other if number == different else "no")
        made.append(run.id)
    assert forkpoint.flush(30)
    return made[0], made[1]


@pytest.fixture(scope="module")
def alike(recording: str) -> tuple[str, str]:
    return alike_but(recording, 40, 30)


def test_equal_stretches_fold_and_unfold(desk: Desk, recording: str, alike: tuple[str, str]):
    with desk.page(address(recording, alike)) as page:
        fold = page.get_by_role("button", name="30 identical steps")
        expect(fold).to_be_visible()
        expect(page.locator('[data-row="3"]')).to_have_count(0)
        page.keyboard.press("u")
        page.keyboard.press("x")
        expect(fold).to_have_count(0)
        expect(page.locator('[data-row="29"]')).to_be_visible()


def test_rows_beyond_the_first_page_come_when_they_are_looked_at(desk: Desk, recording: str):
    long = alike_but(recording, 450, 430)
    with desk.page(address(recording, long)) as page:
        expect(current(page)).to_have_attribute("data-row", "430")
        page.get_by_role("button", name="430 identical steps").click()
        expect(page.locator('[data-row="429"]')).to_be_visible()
        page.get_by_role("grid", name="Aligned steps").hover()
        page.mouse.wheel(0, -24 * 130)
        expect(page.locator('[data-row="300"]')).to_be_visible()
        assert page.locator("[data-row]").count() <= 60


LONG = 10_000
BATCH = 1_000
EDGE = 1_500
"""Rows that are walked at each end; between them the list is looked at here and there."""
WALK = """async (edge) => {
  const list = document.querySelector('[role="grid"]').parentElement;
  const seen = new Set();
  const frame = () => new Promise(requestAnimationFrame);
  const shown = () => [...list.querySelectorAll('[data-row]')];
  const filled = () => {
    const box = list.getBoundingClientRect();
    const ends = shown().map((row) => row.getBoundingClientRect());
    const top = Math.min(...ends.map((end) => end.top));
    const bottom = Math.max(...ends.map((end) => end.bottom));
    const blank = list.querySelector('[aria-hidden="true"][style*="translateY"]');
    return ends.length > 0 && !blank && top <= box.top + 1 && bottom >= box.bottom - 1;
  };
  const line = shown()[0].getBoundingClientRect().height;
  const end = list.scrollHeight;
  for (let top = 0; top < end; ) {
    list.scrollTop = top;
    do await frame(); while (!filled());
    for (const row of shown()) seen.add(+row.dataset.row);
    const near = top < edge * line || top >= end - edge * line;
    top = near ? top + list.clientHeight : Math.min(top + end / 12, end - edge * line);
  }
  return [[...seen], shown().length];
}"""


def long_run(url: str, other: str) -> str:
    """A run of 10,000 steps; one in a thousand answers `other`."""
    recording = Recording(name="long")
    answers = {word: (recording.ref("output", word),) for word in ("no", other)}
    for number in range(LONG):
        signature = digest_text(digest_of(str(number).encode()))
        step = recording.step(f"r#{number}", name="look", kind=Kind.TOOL, signature=signature)
        recording.end(step, artifacts=answers[other if number % 1_000 == 500 else "no"])
    sent = [recording.events[at : at + BATCH] for at in range(0, 2 * LONG, BATCH)]
    ask(url, START, r=recording.start, b=list(recording.blocks.values()))
    for events in sent:
        ask(url, INGEST, e=events)
    ask(url, FINISH, r=recording.finish_record())
    return recording.run_id


def ask(url: str, query: str, **variables: object) -> None:
    body = {"query": query, "variables": variables}
    answer = httpx2.post(f"{url}/graphql", json=body, timeout=120).json()
    assert "errors" not in answer, answer["errors"]


def test_ten_thousand_rows_are_walked_to_the_end_and_none_is_missing(desk: Desk, recording: str):
    pair = long_run(recording, "no"), long_run(recording, "yes")
    with desk.page(address(recording, pair), size=(1440, 2400)) as page:
        expect(current(page)).to_have_attribute("data-row", "500", timeout=30_000)
        expect(page.get_by_role("button", name="999 identical steps")).to_have_count(9)
        page.keyboard.press("u")
        expect(page.get_by_role("button", name="identical steps")).to_have_count(0)
        seen, shown = page.evaluate(WALK, EDGE)
        ends = {*range(EDGE), *range(LONG - EDGE, LONG)}
        assert ends - set(seen) == set()
        assert shown <= 160


def test_a_comparison_on_its_way_names_its_runs_and_shows_that_it_goes_on(
    desk: Desk, recording: str, pair: tuple[str, str]
):
    with desk.page(f"{recording}/runs") as page:
        held: list[Route] = []

        def hold(route: Route) -> None:
            if "query DiffHead" in (route.request.post_data or ""):
                held.append(route)
            else:
                route.continue_()

        page.route("**/graphql", hold)
        page.goto(address(recording, pair))
        expect(page.get_by_role("progressbar", name="Comparison")).to_be_visible()
        expect(page.get_by_role("status", name="Comparing")).to_contain_text("21 steps with 6")
        expect(page.get_by_role("heading", name="banking/user_task_13")).to_be_visible()
        for route in held:
            route.continue_()
        expect(current(page)).to_have_attribute("data-row", "2")
        expect(page.get_by_role("progressbar", name="Comparison")).to_have_count(0)


def test_a_run_too_long_for_a_request_is_compared_by_a_worker_and_the_page_says_how_far(
    desk: Desk, recording: str
):
    """Over 20,000 steps a side; what a worker does is asked for again and again."""
    pair = begun(recording, 20_001), begun(recording, 3)
    asked: list[Route] = []

    def door(route: Route) -> None:
        if "query DiffRequest" in (route.request.post_data or "") and not asked:
            asked.append(route)
        else:
            route.continue_()

    with desk.page(f"{recording}/runs") as page:
        page.route("**/graphql", door)
        with page.expect_request(lambda sent: "query DiffRequest" in (sent.post_data or "")):
            page.goto(address(recording, pair))
        status = page.get_by_role("status", name="Comparing")
        words = re.compile("20,001 steps with 3 steps.*(worker|reading|pairing|telling|keeping)")
        expect(status).to_contain_text(words, timeout=30_000)
        asked[0].continue_()

        expect(page.get_by_text("19,998 changes")).to_be_visible(timeout=30_000)
        expect(status).to_have_count(0)


def begun(url: str, steps: int) -> str:
    """A run of calls that only began."""
    recording = Recording(name="begun")
    for number in range(steps):
        signature = digest_text(digest_of(str(number).encode()))
        recording.step(f"r#{number}", name="look", kind=Kind.TOOL, signature=signature)
    ask(url, START, r=recording.start, b=[])
    for at in range(0, steps, BATCH):
        ask(url, INGEST, e=recording.events[at : at + BATCH])
    ask(url, FINISH, r=recording.finish_record())
    return recording.run_id


def test_a_growing_run_updates_the_page_by_itself(desk: Desk, recording: str):
    @forkpoint.tool(effect="read")
    def look(number: int, answer: str) -> str:
        return answer

    with forkpoint.run("base") as base:
        for number in range(8):
            look(number, "no")
    with ExitStack() as recorded:
        growing = recorded.enter_context(forkpoint.run("growing"))
        for number in range(2):
            look(number, "no")
        assert forkpoint.flush(30)
        with desk.page(address(recording, (base.id, growing.id))) as page:
            expect(page.get_by_text("live, provisional")).to_be_visible()
            for number in range(2, 7):
                look(number, "yes" if number == 5 else "no")
            assert forkpoint.flush(30)
            expect(page.locator('[data-row="5"][data-class="intervention"]')).to_be_visible()
            expect(page.get_by_role("region", name="First divergence")).to_contain_text("look")
            look(7, "no")
            recorded.close()
            assert forkpoint.flush(30)
            expect(page.get_by_text("live, provisional")).to_have_count(0)
            expect(page.get_by_role("button", name="same 7")).to_be_visible()


def test_a_run_and_itself_are_identical(desk: Desk, recording: str, alike: tuple[str, str]):
    with desk.page(address(recording, (alike[0], alike[0]))) as page:
        expect(page.get_by_text("identical", exact=False).first).to_be_visible()
        expect(page.get_by_role("region", name="First divergence")).to_have_count(0)


@pytest.mark.parametrize("size", [(1440, 900), (390, 844)], ids=["wide", "narrow"])
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_nothing_is_wider_than_the_window(
    desk: Desk, recording: str, pair: tuple[str, str], size: tuple[int, int], dark: bool
):
    with desk.page(address(recording, pair, "?row=18"), size=size, dark=dark) as page:
        expect(panel(page)).to_be_visible()
        expect(panel(page)).to_contain_text("assistant")
        width = page.evaluate("document.documentElement.scrollWidth")
        assert width <= size[0]


@pytest.mark.parametrize("path", ["/diff/nothing", "/diff/a...b"])
def test_an_address_that_leads_nowhere_says_so(browser: Browser, recording: str, path: str):
    desk = Desk(browser=browser)
    with desk.page(f"{recording}{path}") as page:
        words = "no such run" if "..." in path else "Two runs are compared here"
        expect(page.get_by_role("heading", name=words)).to_be_visible()
