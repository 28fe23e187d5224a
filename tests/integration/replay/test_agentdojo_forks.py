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
from forkpoint.replay.recording import Recording
from forkpoint_cli.importers.agentdojo import import_log
from forkpoint_cli.importers.agentdojo_log import Log, Message, read_log, tool_text
from forkpoint_cli.importers.tape import Importer
from forkpoint_server.replay.plans import Asked
from forkpoint_server.replay.rows import SessionRow
from forkpoint_server.replay.words import Executor, SessionState
from forkpoint_worker.replays.reading import Recorded
from recorded_runs import RULESET
from stack import Database as Scratch
from working import Bench, bench, input_text, outputs, tool_keys

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


CLEAN_RUNS = {
    "policy": "forkpoint.policy/1",
    "default": {"mode": "cached", "scope": "project", "allow_errors": True},
    "rules": [{"match": {"kind": "tool"}, "effect": "read"}],
}
"""Answers may come out of the clean runs, those of tools too: nothing is done by reading them."""
ONE_REPLY = "meta-llama_llama-3.3-70b-instruct/dailylife/user_task_0/"


@dataclass(frozen=True, slots=True, kw_only=True)
class Undone:
    """A run that parted from its clean pair by itself, forked there with the clean replies."""

    name: str
    key: str
    session: SessionRow
    recorded: Recorded
    fork: Recorded
    clean: Recorded


@pytest.fixture(scope="module")
def undone(make_database: Callable[[], Scratch]) -> Iterator[list[Undone]]:
    database = make_database()
    yield asyncio.run(_undo_all(database))
    database.embedded.postgres.run_sql(f"drop database {database.name} with (force)")


async def _undo_all(database: Scratch) -> list[Undone]:
    rows = [row for row in attacked() if not reached(row) and row["first_divergence_from_clean"]]
    async with bench(database) as tools:
        return [await _undo(tools, row) for row in rows]


async def _undo(tools: Bench, row: dict[str, str]) -> Undone:
    """What the models of the clean run said is given, what its tools came to is looked up."""
    log, at = read_log(read(row["path"])), int(row["first_divergence_from_clean"])
    number = sum(message.role == "assistant" for message in log.messages[:at])
    runs = [await tools.store(import_log(read(row[it]), IMPORTER)) for it in ("path", "clean_pair")]
    recorded, clean = [await tools.read(run) for run in runs]
    alone = ONE_REPLY in row["path"]
    keys = model_keys(clean.recording)[number : number + 1 if alone else None]
    edits = [
        {"kind": "output", "key": key, "value": reply}
        for key, reply in zip(keys, outputs(clean, keys), strict=True)
    ]
    executor = Executor.GRAPH if alone else Executor.LOOP
    asked = Asked(
        run_id=runs[0], cut={"key": keys[0]}, edits=edits, policy=CLEAN_RUNS, executor=executor
    )
    session_id = (await tools.ask(asked))[0]
    await tools.worker.work_off()
    session = await tools.session(session_id)
    fork = await tools.read(session.new_run_id)
    return Undone(
        name=row["path"],
        key=keys[0],
        session=session,
        recorded=recorded,
        fork=fork,
        clean=clean,
    )


def model_keys(recording: Recording) -> list[str]:
    """Call keys of the model steps, in order."""
    return [step.key for step in recording.started if step.kind is Kind.MODEL]


def test_runs_that_parted_from_the_clean_one_by_themselves_are_forked_there(undone: list[Undone]):
    """All but one come to the end of the clean run; that one had one reply and no loop to go on."""
    ended = {one.name: (one.session.verdict, one.session.reason) for one in undone}

    assert len(undone) == 7
    assert [name for name, end in ended.items() if end != (Verdict.FORKED, None)] == [
        one.name for one in undone if ONE_REPLY in one.name
    ]
    assert [end for name, end in ended.items() if ONE_REPLY in name] == [
        (Verdict.PARTIAL, "new_tool_call")
    ]


def test_their_forks_say_what_the_clean_run_said_from_there_on(undone: list[Undone]):
    for one in undone:
        old, new, clean = (each.recording for each in (one.recorded, one.fork, one.clean))
        for place in range(old.by_key[one.key]):
            assert old.parts(place) == new.parts(place)
        if ONE_REPLY in one.name:
            continue
        after = [
            step.key for step in clean.started if clean.by_key[step.key] >= clean.by_key[one.key]
        ]
        assert [step.key for step in new.started][-len(after) :] == after
        assert outputs(one.fork, after) == outputs(one.clean, after), one.name
        tools = [step.replay for step in new.started[-len(after) :] if step.kind is Kind.TOOL]
        sources = {info.source.run for info in tools if info and info.source}
        assert sources <= {one.clean.start.run_id, one.recorded.start.run_id}


def test_the_other_spared_runs_asked_and_were_told_what_their_clean_pair_was():
    """So no step is there at which the clean one is another; the last words alone may differ."""
    spared = [row for row in attacked() if not reached(row)]
    same = [row for row in spared if not row["first_divergence_from_clean"]]

    assert len(same) == 6
    for row in same:
        told, clean = (_exchanged(read_log(read(row[path]))) for path in ("path", "clean_pair"))
        assert told == clean, row["path"]


def _exchanged(log: Log) -> list[tuple[object, ...]]:
    """Who spoke, what was asked of tools, and what they told."""
    return [
        (
            message.role,
            tool_text(message) if message.role == "tool" else None,
            [(call.function, call.args) for call in message.calls],
        )
        for message in log.messages
    ]
