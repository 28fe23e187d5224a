"""The demo's story, act by act: import, record, replay, fork, compare."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from forkpoint_cli.commands.capture import environment
from forkpoint_cli.commands.importing import import_with_bar
from forkpoint_cli.commands.runs import read_run
from forkpoint_cli.errors import CliError
from forkpoint_cli.importers.files import found_files
from forkpoint_cli.replaying import Asked, Replayed, replay_command
from forkpoint_cli.session import Session
from forkpoint_cli.sources import open_source
from forkpoint_cli.text import one_line
from rich.text import Text

from examples.agentdojo.recordings import RUNS
from examples.agentdojo.story import INJECTED, Story, fork_policy

Fields = Mapping[str, object]
WIDTH = 100
"""Characters of recorded text on one line."""
_NEW_RUN = """
query ($filter: RunFilter) { runs(first: 1, filter: $filter) { nodes { id status stepCount } } }
"""
_OUTPUTS = """
query ($id: ID!) {
  run(id: $id) {
    steps(first: 200, filter: {kind: [TOOL]}) {
      nodes { sequence name status artifact(role: "output") { value } }
    }
  }
}
"""
_TOOLS = """
query ($id: ID!) {
  run(id: $id) {
    steps(first: 200, filter: {kind: [TOOL]}) {
      nodes { name status effect artifact(role: "input.args") { value } }
    }
  }
}
"""
_WRITES = frozenset({"WRITE", "IDEMPOTENT_WRITE", "UNKNOWN"})
_DIFF = """
query ($a: ID!, $b: ID!) {
  diff(a: $a, b: $b) {
    verdict counts firstDivergence { left { sequence name } right { sequence } class }
  }
}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What came out, for checks."""

    recorded_run: str
    imported_runs: int
    imported_steps: int
    recorded_steps: int
    replay_steps: int
    replay_live_calls: int
    replay_identical: bool
    fork_edited_step: int
    fork_first_divergence: int | None
    diff_changed_steps: int

    def as_expected(self) -> bool:
        """The replay was exact and free, and the fork left its source where it was edited."""
        exact = self.replay_identical and self.replay_live_calls == 0
        return exact and self.fork_first_divergence == self.fork_edited_step


class Telling:
    """Tells one story on a running service."""

    def __init__(self, session: Session, story: Story, model_url: str) -> None:
        self._session, self._story = session, story
        self._command = story.command(model_url)
        self._act = 0

    def tell(self) -> Facts:
        """All acts. Raises `CliError` where one fails."""
        totals = import_with_bar(self._session, found_files([str(RUNS)], suffix=".json"))
        self._say(f"Imported {totals.runs} recorded agent runs", f"{totals.steps} steps")
        recorded = self._record()
        replayed = self._replay(recorded)
        at, fork = self._fork(recorded)
        diff = self._compare(recorded, fork)
        steps = {run: self._steps(run) for run in (recorded, replayed.run)}
        counts = cast("Mapping[str, int]", diff["counts"])
        first = cast("Fields | None", diff["firstDivergence"])
        return Facts(
            recorded_run=recorded,
            imported_runs=totals.runs,
            imported_steps=totals.steps,
            recorded_steps=len(steps[recorded]),
            replay_steps=len(steps[replayed.run]),
            replay_live_calls=_live(steps[replayed.run]),
            replay_identical=replayed.report.get("verdict") == "identical",
            fork_edited_step=at,
            fork_first_divergence=_sequence(first),
            diff_changed_steps=sum(n for name, n in counts.items() if name != "same"),
        )

    def _record(self) -> str:
        """Run the agent live; the id of its run."""
        self._say("Recorded an agent at work", f"“{self._story.question()}”")
        began = time.time_ns()
        done = subprocess.run(
            self._command,
            env=environment(self._session),
            check=False,
            capture_output=True,
            text=True,
        )
        if done.returncode:
            raise CliError(f"the agent ended with status {done.returncode}: {done.stderr[-2000:]}")
        found = self._session.service.ask(_NEW_RUN, filter={"since": str(began)})
        nodes = cast("Sequence[Fields]", cast("Fields", found["runs"])["nodes"])
        if not nodes:
            raise CliError("the agent's run did not arrive")
        run = str(nodes[0]["id"])
        self._detail("It answered", done.stdout.strip())
        self._url("", run)
        return run

    def _replay(self, run: str) -> Replayed:
        opened = open_source(self._session, run)
        policy = {"policy": "forkpoint.policy/1", "default": {"mode": "exact"}}
        done = replay_command(
            self._session, opened, Asked(policy=policy, stdout=subprocess.DEVNULL), self._command
        )
        report = done.report
        self._say(
            "Replayed it", f"{report['verdict']}, {report['matched']} of {report['recorded']} steps"
        )
        self._detail("No model asked, no tool run", "every answer came from the recording")
        self._url("", done.run)
        return done

    def _fork(self, run: str) -> tuple[int, str]:
        """Replace the tool result that misled the agent; the step number and the new run."""
        at, tool = self._misled_at(run)
        edit = {"kind": "output", "value": self._story.clean_result()}
        asked = Asked(
            policy=fork_policy(),
            at=str(at),
            edits=[(str(at), edit)],
            grants=("replay:effects",),
            stdout=subprocess.DEVNULL,
        )
        self._say(f"Forked it at step #{at}", f"{tool} without the planted text")
        done = replay_command(self._session, open_source(self._session, run), asked, self._command)
        if done.report.get("verdict") != "forked":
            raise CliError(f"the fork did not run through: {json.dumps(done.report)[:2000]}")
        self._url("", done.run)
        return at, done.run

    def _misled_at(self, run: str) -> tuple[int, str]:
        """Number and name of the first tool step that returned planted text."""
        answer = self._session.service.ask(_OUTPUTS, id=run)
        steps = cast("Mapping[str, Mapping[str, Sequence[Fields]]]", answer["run"])["steps"]
        for step in steps["nodes"]:
            output = cast("Fields | None", step["artifact"])
            if output is not None and INJECTED in str(output["value"]):
                return int(cast("str", step["sequence"])), str(step["name"])
        raise CliError("no tool of this run returned the planted text")

    def _compare(self, left: str, right: str) -> Fields:
        diff = cast("Fields", self._session.service.ask(_DIFF, a=left, b=right)["diff"])
        counts = cast("Mapping[str, int]", diff["counts"])
        first = cast("Fields | None", diff["firstDivergence"])
        words = ", ".join(f"{number} {name}" for name, number in counts.items() if number)
        self._say("Compared the two", words)
        self._detail("They part at step", f"#{_sequence(first)}, where the result was replaced")
        for label, run in (("As recorded", left), ("Without it ", right)):
            for deed in self._deeds(run) or ["changed nothing"]:
                self._detail(label, deed)
        self._url(f"/diff/{left}...{right}", left)
        return diff

    def _deeds(self, run: str) -> list[str]:
        """The calls of a run that wrote something, as one line each."""
        found = cast("Mapping[str, Fields]", self._session.service.ask(_TOOLS, id=run)["run"])
        return [
            f"{step['name']} {_arguments(cast('Fields | None', step['artifact']))}"
            for step in cast("Sequence[Fields]", found["steps"]["nodes"])
            if step["effect"] in _WRITES and step["status"] == "OK"
        ]

    def _steps(self, run: str) -> Sequence[Fields]:
        return cast("Sequence[Fields]", read_run(self._session, run)["steps"])

    def _say(self, what: str, detail: str) -> None:
        self._act += 1
        self._session.output.say(
            Text(f"\n  {self._act}  ", style="bold cyan"),
            Text(f"{what}  ", style="bold"),
            Text(detail.replace("\n", " "), style="dim"),
        )

    def _detail(self, label: str, recorded: str) -> None:
        text = one_line(recorded, width=WIDTH)
        self._session.output.say(Text(f"     {label}: ", style="dim"), text)

    def _url(self, path: str, run: str) -> None:
        url = self._session.settings.url + path if path else self._session.settings.run_url(run)
        self._session.output.say(Text(f"     {url}", style="cyan"))


def _arguments(artifact: Fields | None) -> str:
    given = cast("Fields", artifact["value"] if artifact else {})
    return ", ".join(f"{name}: {value}" for name, value in given.items() if value is not None)


def _live(steps: Sequence[Fields]) -> int:
    """Steps that were answered by a real call."""
    replays = [cast("Fields | None", step["replay"]) for step in steps]
    return sum(replay is None or replay["mode"] == "LIVE" for replay in replays)


def _sequence(divergence: Fields | None) -> int | None:
    left = cast("Fields | None", divergence["left"]) if divergence else None
    return int(cast("str", left["sequence"])) if left else None
