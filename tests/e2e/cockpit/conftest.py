"""A real Chromium on the cockpit of a whole stack. Whatever the console says fails the test."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import forkpoint
import pytest
from forkpoint.testing.service import recording_into
from playwright.sync_api import Browser, ConsoleMessage, Dialog, Page, Request, sync_playwright

ROOT = Path(__file__).parents[3]
RUNS = ROOT / "examples/agentdojo/runs/gpt-4o-mini-2024-07-18-progent"
CHROMIUM = Path(os.environ.get("FORKPOINT_CHROMIUM", "/usr/bin/chromium"))
ARGUMENTS = [
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
WIDE = (1440, 900)


@dataclass(slots=True)
class Complaints:
    """What no page of ours may cause."""

    said: list[str] = field(default_factory=list[str])

    def watch(self, page: Page, own: Callable[[], set[str]]) -> None:
        """Listen to a page; requests may only go to the hosts of `own`."""

        def console(message: ConsoleMessage) -> None:
            self.said.append(f"console {message.type}: {message.text}")

        def dialog(opened: Dialog) -> None:
            self.said.append(f"dialog: {opened.message}")
            opened.dismiss()

        def request(sent: Request) -> None:
            host = urlsplit(sent.url).netloc
            if not sent.url.startswith("blob:") and host not in own():
                self.said.append(f"request to {sent.url}")

        page.on("console", console)
        page.on("pageerror", lambda error: self.said.append(f"error: {error}"))
        page.on("dialog", dialog)
        page.on("request", request)
        page.on("popup", lambda popup: self.said.append(f"popup: {popup.url}"))


@pytest.fixture(scope="session")
def built() -> None:
    """The cockpit that the server hands out."""
    if not (ROOT / "cockpit/dist/index.html").is_file():
        pytest.fail("the cockpit is not built: run `make cockpit`", pytrace=False)


@pytest.fixture(scope="module")
def browser(built: None) -> Iterator[Browser]:
    """One Chromium for the tests of a module.

    Not for the session: while Playwright's loop is in this thread, no other asyncio test can run.
    """
    if not CHROMIUM.exists():
        pytest.fail(f"no Chromium at {CHROMIUM}; set FORKPOINT_CHROMIUM", pytrace=False)
    rights = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=[*ARGUMENTS, *rights])
        yield chromium
        chromium.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """Opens pages that must not complain."""

    browser: Browser
    complaints: Complaints = field(default_factory=Complaints)
    hosts: set[str] = field(default_factory=set[str])

    @contextmanager
    def page(
        self, url: str, *, size: tuple[int, int] = WIDE, dark: bool = False
    ) -> Generator[Page]:
        """A page in a context of its own, at an address of the cockpit."""
        self.hosts.add(urlsplit(url).netloc)
        width, height = size
        context = self.browser.new_context(
            viewport={"width": width, "height": height},
            color_scheme="dark" if dark else "light",
            reduced_motion="reduce",
        )
        page = context.new_page()
        self.complaints.watch(page, lambda: self.hosts)
        page.goto(url)
        yield page
        context.close()


@pytest.fixture
def desk(browser: Browser) -> Iterator[Desk]:
    """Pages for one test; the console stayed silent, nothing popped up, nobody else was asked."""
    opened = Desk(browser=browser)
    yield opened
    assert opened.complaints.said == []


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """A run that was recorded here, by its id, and its steps' names in order."""

    id: str
    name: str


@pytest.fixture(scope="module")
def recording(server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The recorder of this process writes into the server; its base URL."""
    with recording_into(server, data=tmp_path_factory.mktemp("agent")):
        yield server


@pytest.fixture(scope="module")
def failing(recording: str) -> Recorded:
    """Eight steps; the sixth raises."""

    @forkpoint.tool(effect="read")
    def look_up(number: int) -> dict[str, int]:
        if number == 5:
            raise ValueError("amount exceeds order total")
        return {"number": number}

    with pytest.raises(ValueError, match="exceeds"), forkpoint.run("refund-agent") as run:
        for number in range(6):
            look_up(number)
    assert forkpoint.flush(30)
    return Recorded(id=run.id, name="refund-agent")


@pytest.fixture(scope="session")
def pair(server: str) -> tuple[str, str]:
    """Two imported runs of one task: with an attack in the file that it reads, and without."""
    task_name = "banking/user_task_13"
    task = RUNS / task_name
    environment = os.environ | {"FORKPOINT_URL": server}
    program = Path(sys.executable).with_name("forkpoint")
    done = subprocess.run(
        [program, "import", "agentdojo", task, "--json"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    listed = subprocess.run(
        [program, "runs", "list", "--name", task_name, "--first", "200", "--json"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    nodes = json.loads(listed.stdout)["nodes"]
    runs = {
        tag: node["id"]
        for node in nodes
        if any(tag.startswith("config:") for tag in node["tags"])  # imported, not recorded
        for tag in node["tags"]
    }
    return runs["attack:important_instructions"], runs["attack:none"]
