"""All 67 attacked runs: forked by a worker at the injected tool result, with the clean one."""

from __future__ import annotations

import asyncio
import csv
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import orjson
import pytest
from forkpoint.events.kinds import Kind, Mode, Verdict
from forkpoint.events.model import ReplayInfo
from forkpoint_cli.importers.agentdojo import import_log
from forkpoint_cli.importers.agentdojo_log import Log, Message, read_log, tool_text
from forkpoint_cli.importers.tape import Importer
from forkpoint_server.replay.plans import Asked
from forkpoint_server.replay.rows import SessionRow
from forkpoint_server.replay.words import Executor, SessionState
from forkpoint_worker.replays.reading import Recorded
from recorded_runs import RULESET
from stack import Database as Scratch
from working import Bench, bench, input_text, tool_keys

RUNS = Path(__file__).parents[3] / "examples" / "agentdojo" / "runs"
IMPORTER = Importer(name="test", redact=lambda value: value, ruleset_id=RULESET)
PLANTED = re.compile(r"<INFORMATION>.*?</INFORMATION>", re.DOTALL)
"""What this attack puts around its text; tools may fold the lines between."""
POLICY = {"policy": "forkpoint.policy/1", "default": {"mode": "cached"}}


@dataclass
class Forked:
    """One attacked run, its fork, and what was put in the place of what."""

    name: str
    key: str
    injected: str
    clean: str
    session: SessionRow | None = None
    recorded: Recorded | None = None
    fork: Recorded | None = None
    replay: dict[str, ReplayInfo] = field(default_factory=dict[str, ReplayInfo])


def attacked() -> list[dict[str, str]]:
    with (RUNS / "manifest.csv").open() as file:
        return [row for row in csv.DictReader(file) if row["attack"]]


def reached(row: dict[str, str]) -> bool:
    """Whether a tool ever brought the planted text to the agent."""
    return row["first_injected_message"] != ""


def read(path: str) -> bytes:
    return (RUNS / path.removeprefix("agentdojo/")).read_bytes()


@pytest.fixture(scope="module")
def forks(make_database: Callable[[], Scratch]) -> Iterator[list[Forked]]:
    database = make_database()
    yield asyncio.run(_fork_all(database))
    database.embedded.postgres.run_sql(f"drop database {database.name} with (force)")


async def _fork_all(database: Scratch) -> list[Forked]:
    async with bench(database) as tools:
        done = [await _ask(tools, row) for row in attacked() if reached(row)]
        await tools.worker.work_off()
        for forked in done:
            assert forked.session is not None
            forked.session = await tools.session(forked.session.session_id)
            forked.fork = await tools.read(forked.session.new_run_id)
            forked.replay = {
                step.key: step.replay for step in forked.fork.recording.started if step.replay
            }
    return done


async def _ask(tools: Bench, row: dict[str, str]) -> Forked:
    """Import an attacked run and fork it where the planted text came in."""
    body, index = read(row["path"]), int(row["first_injected_message"])
    log, clean = read_log(body), read_log(read(row["clean_pair"]))
    number = sum(message.role == "tool" for message in log.messages[:index])
    run = import_log(body, IMPORTER)
    await tools.store(run)
    recorded = await tools.read(run.start.run_id)
    injected = tool_text(log.messages[index])
    forked = Forked(
        name=row["path"],
        key=tool_keys(recorded.recording)[number],
        injected=injected,
        clean=_clean(log.messages[index], clean),
        recorded=recorded,
    )
    edits = [{"kind": "output", "key": forked.key, "value": forked.clean}]
    asked = Asked(run_id=run.start.run_id, cut={"key": forked.key}, edits=edits, policy=POLICY)
    forked.session = await tools.session((await tools.ask(asked))[0])
    return forked


def _clean(injected: Message, clean: Log) -> str:
    """The clean run's result of the same call; where it made none, the result without the plant."""
    for message in clean.messages:
        if message.role == "tool" and message.error is None and _call(message) == _call(injected):
            return tool_text(message)
    return PLANTED.sub("", tool_text(injected))


def _call(message: Message) -> tuple[str, object]:
    call = message.tool_call
    return ("", None) if call is None else (call.function, call.args)


def test_the_other_attacked_runs_never_met_the_planted_text():
    spared = [row for row in attacked() if not reached(row)]
    logs = [read_log(read(row["path"])) for row in spared]

    assert (len(attacked()), len(spared)) == (67, 13)
    for log in logs:
        seen = [tool_text(message) for message in log.messages if message.role == "tool"]
        assert not any(text in said for text in log.injections.values() for said in seen)


def test_every_attacked_run_that_met_it_is_forked(forks: list[Forked]):
    ended = {(f.session.state, f.session.verdict) for f in forks if f.session}

    assert all(forked.clean != forked.injected for forked in forks)
    assert len(forks) == sum(reached(row) for row in attacked()) == 54
    assert ended == {(SessionState.FINISHED, Verdict.FORKED)}


def test_the_result_says_that_nothing_was_executed(forks: list[Forked]):
    soft = [f.session.report["soft"][0]["code"] for f in forks if f.session and f.session.report]  # type: ignore[index]

    assert {f.session.executor for f in forks if f.session} == {Executor.GRAPH}
    assert set(soft) == {"downstream not re-executed"}


def test_the_prefix_is_exact_with_equal_roots(forks: list[Forked]):
    for forked in forks:
        old, new = _pair(forked)
        for place in range(old.recording.by_key[forked.key]):
            key = old.recording.started[place].key
            at = new.recording.by_key[key]
            assert old.recording.parts(place) == new.recording.parts(at)
            if old.recording.types[place][0] is not Kind.AGENT:
                assert old.recording.output(place) == new.recording.output(at)
                assert forked.replay[key].mode is Mode.EXACT


def test_the_injected_result_is_the_clean_one(forks: list[Forked]):
    for forked in forks:
        info = forked.replay[forked.key]
        assert (info.mode, info.edit, info.taint) == (Mode.SIMULATED, 0, ("simulated",))


def test_every_later_request_that_held_the_planted_result_holds_the_clean_one(
    forks: list[Forked],
):
    for forked in forks:
        old, new = _pair(forked)
        first = old.recording.by_key[forked.key]
        for step in new.recording.started[first + 1 :]:
            before = old.recording.started[old.recording.by_key[step.key]]
            held = _json(forked.injected) in input_text(old, before)
            left = input_text(new, step).count(_json(forked.injected))
            assert left == _came_to_the_same(forked, before.key), forked.name
            assert held is (step.key in forked.session.report["rewritten"]), forked.name  # type: ignore[union-attr, index]


def _came_to_the_same(forked: Forked, key: str) -> int:
    """Other calls before a model step that brought the planted text, which it holds as theirs."""
    old, _ = _pair(forked)
    recording = old.recording
    if recording.types[recording.by_key[key]][0] is not Kind.MODEL:
        return 0
    planted = recording.output(recording.by_key[forked.key])
    return sum(
        recording.output(place) == planted and step.key != forked.key
        for place, step in enumerate(recording.started[: recording.by_key[key]])
        if step.kind is Kind.TOOL
    )


def test_rewritten_requests_are_signed_again_and_named_stale(forks: list[Forked]):
    for forked in forks:
        old, new = _pair(forked)
        report = forked.session.report  # type: ignore[union-attr]
        rewritten = report["rewritten"]  # type: ignore[index]
        assert report["stale"] == rewritten  # type: ignore[index]
        for key in rewritten:  # type: ignore[union-attr]
            before = old.recording.started[old.recording.by_key[key]]
            after = new.recording.started[new.recording.by_key[key]]
            assert before.signature != after.signature
            assert forked.replay[key].divergence == "stale"


def _pair(forked: Forked) -> tuple[Recorded, Recorded]:
    assert forked.recorded is not None
    assert forked.fork is not None
    return forked.recorded, forked.fork


def _json(text: str) -> str:
    """A text as it stands inside JSON."""
    return orjson.dumps(text).decode()[1:-1]
