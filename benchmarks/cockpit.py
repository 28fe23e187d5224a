"""The cockpit in a real Chromium: from the key that replays to the first replayed step, by a
worker and by a runner, and the first paint of a comparison of two runs of 10,000 steps. The
service is what `forkpoint up` starts.
"""

from __future__ import annotations

import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from urllib.request import Request, urlopen

import forkpoint
from playwright.sync_api import Page, sync_playwright

CHROMIUM = os.environ.get("FORKPOINT_CHROMIUM", "/usr/bin/chromium")
PROGRAM = Path(sys.executable).with_name("forkpoint")
ROUNDS = 12
BREAK_S = 1.5
"""Between two replays by a runner: nobody asks for the next one within a second."""
STEPS = 10_000
PAIRS = 5
SETTLED_S = 15
# Measured in the page, frame by frame: Playwright's own waiting would be in the figure.
WATCH = """() => {
  window.began = 0; window.took = null;
  const before = location.pathname;
  const pressed = () => { window.began = performance.now(); };
  addEventListener('keydown', pressed, {capture: true, once: true});
  const look = () => {
    const there = location.pathname.startsWith('/runs/') && location.pathname !== before;
    const step = there && document.querySelector('[role="treegrid"] [data-step]');
    if (window.began && step) window.took = performance.now() - window.began;
    else requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
}"""
PAINTED = """window.painted = null;
const look = () => {
  if (document.querySelector('[data-row]')) window.painted = performance.now();
  else requestAnimationFrame(look);
};
requestAnimationFrame(look);"""


BY_RUNNER = "by-runner"
AGENT = f"""
import forkpoint

@forkpoint.tool(effect="read")
def look(number, answer):
    return answer

def main():
    with forkpoint.run("{BY_RUNNER}"):
        for number in range(40):
            look(number, "no")

if __name__ == "__main__":
    main()
"""


def run() -> dict[str, float]:
    """Medians in ms; `first_ms` is the paint that has to compute the comparison.

    Long runs are recorded last, and the worker is given time to pack them: it has two cores here
    with everything else.
    """
    with tempfile.TemporaryDirectory() as directory, _serving(Path(directory)) as url:
        forkpoint.init(url=url, data=Path(directory) / "agent")
        short = _recorded(40, "no")
        with sync_playwright() as playwright:
            rights = ["--no-sandbox"] if os.geteuid() == 0 else []
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=rights)
            page = browser.new_page()
            starts = [_start(page, f"{url}/runs/{short}") for _ in range(ROUNDS)]
            with _runner(url, Path(directory)) as by_runner:
                hosts = [_host_start(page, f"{url}/runs/{by_runner}") for _ in range(ROUNDS)]
            base, others = _recorded(STEPS, "no"), [_recorded(STEPS, "yes") for _ in range(PAIRS)]
            time.sleep(SETTLED_S)
            page.add_init_script(PAINTED)
            firsts = [_paint(page, f"{url}/diff/{base}...{other}") for other in others]
            paints = [_paint(page, f"{url}/diff/{base}...{others[0]}") for _ in range(ROUNDS)]
            browser.close()
        forkpoint.init(disabled=True)
    return {
        "replay_start_ms": statistics.median(starts[1:]),
        "replay_start_best_ms": min(starts),
        "runner_start_ms": statistics.median(hosts[1:]),
        "runner_start_best_ms": min(hosts),
        "diff_page_10k_first_ms": statistics.median(firsts),
        "diff_page_10k_ms": statistics.median(paints),
    }


@contextmanager
def _serving(folder: Path) -> Generator[str]:
    environment = os.environ | {"FORKPOINT_DATA": str(folder / "service")}
    serving = subprocess.Popen(
        [PROGRAM, "up", "--port", "0"],
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield _address(serving)
    finally:
        serving.terminate()
        serving.wait(60)


def _address(serving: subprocess.Popen[str]) -> str:
    for line in serving.stdout or ():
        found = re.search(r"http://127\.0\.0\.1:\d+", line)
        if found:
            with urlopen(f"{found[0]}/readyz") as answer:
                json.load(answer)
            return found[0]
    raise SystemExit("the service did not start")


def _recorded(steps: int, other: str) -> str:
    @forkpoint.tool(effect="read")
    def look(number: int, answer: str) -> str:
        return answer

    with forkpoint.run("measured") as recorded:
        for number in range(steps):
            look(number, other if number % 1_000 == 500 else "no")
            if number % 1_000 == 999:
                forkpoint.flush(60)
    if not forkpoint.flush(60):
        raise SystemExit("the recording was not sent")
    return recorded.id


def _start(page: Page, address: str) -> float:
    page.goto(address)
    page.wait_for_selector('[role="treegrid"] [data-step]')
    page.wait_for_load_state("networkidle")
    page.evaluate(WATCH)
    page.keyboard.press("r")
    page.wait_for_function("() => window.took !== null")
    return float(page.evaluate("window.took"))


@contextmanager
def _runner(url: str, folder: Path) -> Generator[str]:
    """A run of an agent whose code a runner holds, while it does."""
    code = folder / "code"
    code.mkdir()
    (code / "looker.py").write_text(AGENT)
    environment = os.environ | {"FORKPOINT_URL": url, "FORKPOINT_DATA": str(folder / "runner")}
    capture = [PROGRAM, "capture", "--", sys.executable, "looker.py"]
    subprocess.run(capture, cwd=code, env=environment, check=True, stdout=subprocess.DEVNULL)
    listed = [PROGRAM, "runs", "list", "--name", BY_RUNNER, "--json"]
    found = subprocess.run(
        listed, cwd=code, env=environment, check=True, capture_output=True
    ).stdout
    entry = f"{BY_RUNNER}=looker:main"
    serving = subprocess.Popen(
        [PROGRAM, "runner", "--entry", entry, "--json"],
        cwd=code,
        env=environment,
        stdout=subprocess.DEVNULL,
    )
    try:
        _await_runner(url)
        yield json.loads(found)["nodes"][0]["id"]
    finally:
        serving.terminate()
        serving.wait(30)


def _await_runner(url: str) -> None:
    """Return once the service has heard of a runner."""
    query = json.dumps({"query": "{ project { runners { name } } }"}).encode()
    headers = {"Content-Type": "application/json"}
    for _ in range(300):
        with urlopen(Request(f"{url}/graphql", data=query, headers=headers)) as answer:
            if json.load(answer)["data"]["project"]["runners"]:
                return
        time.sleep(0.1)
    raise SystemExit("the runner did not come")


def _host_start(page: Page, address: str) -> float:
    """As `_start`, of a replay that a runner executes: it has a process that waits by then."""
    time.sleep(BREAK_S)
    took = _start(page, address)
    bar = page.get_by_label("Replay", exact=True)
    bar.get_by_text("identical").first.wait_for()
    if "runner" not in bar.inner_text():
        raise SystemExit("no runner executed the replay")
    return took


def _paint(page: Page, address: str) -> float:
    page.goto(address)
    page.wait_for_selector("[data-row]")
    return float(page.evaluate("window.painted"))
