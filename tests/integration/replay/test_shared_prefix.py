"""Forks of a worker store what is new in them and read as if all of it were theirs."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from forkpoint.bundle import read_bundle, write_bundle
from forkpoint.content import Digest
from forkpoint.events.kinds import Kind
from forkpoint.events.wire import read_event, read_run_end, read_run_start
from forkpoint.replay import prefix
from forkpoint_cli.importers.tape import ImportedRun
from forkpoint_server.artifacts.retention import delete_runs
from forkpoint_server.db.engine import driver
from forkpoint_server.diff.columns import load_columns
from forkpoint_server.query.artifacts import artifacts_of
from forkpoint_server.query.children import children_of, count_children
from forkpoint_server.query.events import events_page
from forkpoint_server.query.feed import feed_page
from forkpoint_server.query.recording import clean_roots, events_after
from forkpoint_server.query.runs import run_by_id
from forkpoint_server.query.skeleton import skeleton_chunk
from forkpoint_server.query.steps import StepRow, count_steps, steps_by_number, steps_page
from forkpoint_server.query.timeline import timeline_slice
from forkpoint_server.replay.plans import Asked
from forkpoint_server.replay.words import Executor, SessionState
from forkpoint_worker.replays.writing import NewRun
from recorded import Recording
from replaying import step
from sqlalchemy.ext.asyncio import AsyncConnection
from stack import Database as Scratch
from working import PROJECT, Bench, bench

CALLS = 300
CHANGED = 290
"""The call whose answer the fork changes."""
CUT = 1 + 2 * CHANGED
"""Events before it: the start of the agent, and two of each call."""


def recording() -> ImportedRun:
    """An agent that hands each answer to the next call."""
    run = Recording()
    task = run.ref("input.args", {"task": "count"})
    agent = run.step("r#0", kind=Kind.AGENT, name="agent", artifacts=[task])
    answer = "found 0"
    for number in range(CALLS):
        asked: dict[str, object] = {"args": {"last": answer, "number": number}}
        answer = f"found {number * 7919}"
        step(run, f"r#0.{number}", Kind.TOOL, "look", asked, answer, parent=agent)
    run.end(agent, artifacts=(run.ref("output", answer),))
    end = run.finish_record(artifacts=(run.ref("output", answer),))
    return ImportedRun(
        start=read_run_start(run.start),
        events=tuple(read_event(event) for event in run.events),
        end=read_run_end(end),
        blocks={Digest(digest): body.encode() for digest, body in run.blocks.items()},
    )


@pytest.fixture
async def tools(database: Scratch) -> AsyncIterator[Bench]:
    async with bench(database) as made:
        yield made


async def forked(tools: Bench, run_id: str, number: int = CHANGED, value: str = "lost") -> str:
    """The run of a fork that gives another answer to one call."""
    edit = {"kind": "output", "key": f"r#0.{number}", "value": value}
    asked = Asked(
        run_id=run_id, cut={"key": f"r#0.{number}"}, edits=[edit], executor=Executor.GRAPH
    )
    [session_id] = await tools.ask(asked)
    await tools.worker.work_off()
    async with tools.database.transaction(PROJECT) as connection:  # one that failed has to wait
        await (await driver(connection)).execute("update job set run_at = now()")
    await tools.worker.work_off()
    session = await tools.session(session_id)
    assert (session.state, session.verdict) == (SessionState.FINISHED, "forked"), session
    return session.new_run_id


async def stored(tools: Bench, run_id: str) -> dict[str, int]:
    """Rows of a run by table."""
    async with tools.database.reading(PROJECT) as connection:
        raw = await driver(connection)
        return {
            table: await raw.fetchval(f"select count(*) from {table} where run_id = $1", run_id)
            for table in ("event", "step", "artifact")
        }


async def told(tools: Bench, run_id: str) -> dict[str, Any]:
    """Everything that is read of a run, without what differs from one fork to its twin."""
    async with tools.database.reading(PROJECT) as connection:
        run = await run_by_id(connection, PROJECT, run_id)
        assert run is not None
        events: list[tuple[int, str]] = []
        after = None
        while True:
            page = await events_page(connection, PROJECT, run_id, first=150, after=after)
            events += [(row.seq, row.body.decode()) for row in page.rows]
            if not page.has_next:
                break
            after = page.cursors[-1]
        steps = await _all_steps(connection, run_id)
        owners = [(run_id, each.step_id) for each in steps]
        root = (run_id, steps[0].step_id)
        found = await artifacts_of(connection, PROJECT, owners)
        columns = await load_columns(connection, PROJECT, UUID(run_id))
        slices = [
            await timeline_slice(connection, PROJECT, run_id, axis=axis, width=800)
            for axis in ("time", "steps")
        ]
        exported = await events_after(connection, PROJECT, run_id, after=-1, first=2_000)
        assert [(row.seq, row.body.decode()) for row in exported] == events
        numbers = [(run_id, each.seq) for each in steps]
        assert list((await steps_by_number(connection, PROJECT, numbers)).values()) == list(steps)
        chunk = await skeleton_chunk(connection, PROJECT, run_id, 0)
        assert chunk is not None
        said = {
            "run": asdict(run),
            "events": events,
            "steps": [asdict(each) for each in steps],
            "artifacts": [sorted(map(str, map(asdict, found[owner]))) for owner in owners],
            "children": await children_of(connection, PROJECT, [root], first=40, after=500),
            "counts": [
                await count_children(connection, PROJECT, *root),
                await count_steps(connection, PROJECT, run_id, None),
            ],
            "feed": await feed_page(connection, PROJECT, run_id, after=400, rows=300),
            "roots": await clean_roots(connection, PROJECT, run_id, first=-1, last=10_000),
            "skeleton": {**chunk.columns, "start": "", "end": ""},
            "slices": [each.columns for each in slices if each is not None],
            "columns": [columns.output, [str(each) for each in columns.steps]],
        }
    return {name: _alike(value, events[0][1], steps) for name, value in said.items()}


async def _all_steps(connection: AsyncConnection, run_id: str) -> list[StepRow]:
    steps: list[StepRow] = []
    after = None
    while True:
        page = await steps_page(connection, PROJECT, run_id, first=90, after=after)
        steps += page.rows
        if not page.has_next:
            return steps
        after = page.cursors[-1]


def _alike(value: object, first: str, steps: Sequence[Any]) -> str:
    """As text, with step ids by number, and without other ids and the time it was made."""
    text = repr(value)
    for each in steps:
        text = text.replace(each.step_id, f"step {each.seq}")
    text = re.sub(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "id", text)
    return re.sub(r"\d{19}", "time", text)


async def test_a_late_fork_stores_what_is_new_and_reads_as_one_written_whole(
    tools: Bench, monkeypatch: pytest.MonkeyPatch
):
    source = await tools.store(recording())
    shared = await forked(tools, source)
    with monkeypatch.context() as patch:
        patch.setattr(prefix, "LEAST", 10**9)
        whole = await forked(tools, source)

    rows = await stored(tools, shared)
    assert (rows["event"], rows["step"]) == (2 * CALLS + 2 - CUT, CALLS - CHANGED + 1)
    assert await stored(tools, whole) != rows
    mine, theirs = await told(tools, shared), await told(tools, whole)
    for name, value in theirs.items():
        assert mine[name] == value, name


async def test_a_fork_outlives_the_run_it_was_made_from(tools: Bench, tmp_path: Path):
    source = await tools.store(recording())
    early = await forked(tools, source, CHANGED - 50)
    late = await forked(tools, source)
    again = await forked(tools, late, CHANGED + 5, "lost again")
    rows = await stored(tools, again)
    assert (rows["event"], rows["step"]) == (2 * (CALLS - CHANGED - 5) + 1, CALLS - CHANGED - 4)
    kept = await tools.read(again)
    write_bundle(tmp_path / "fork.fpb", kept.start, kept.end, kept.events, kept.blocks)
    with read_bundle(tmp_path / "fork.fpb") as bundle:
        assert list(bundle.events) == list(kept.events)
    [session_id] = await tools.ask(Asked(run_id=again, executor=Executor.VERIFY))
    await tools.worker.work_off()
    assert (await tools.session(session_id)).verdict == "identical"
    before = {run: await told(tools, run) for run in (early, late, again)}

    for gone in (source, late):
        async with tools.database.transaction(PROJECT) as connection:
            assert await delete_runs(await driver(connection), PROJECT, [gone]) == 1
        for run in (early, late, again) if gone == source else (early, again):
            assert await told(tools, run) == before[run]

    assert (await stored(tools, early))["event"] == 2 * CALLS + 2 - (CUT - 100)
    assert (await stored(tools, again))["event"] == 2 * CALLS + 2


async def test_a_second_attempt_shares_nothing_twice(tools: Bench, monkeypatch: pytest.MonkeyPatch):
    source = await tools.store(recording())
    sends, begun = NewRun.send, list[dict[str, int]]()

    async def fails_once(run: NewRun, *given: Any) -> None:
        if not begun:
            begun.append(await stored(tools, run.run_id))
            raise RuntimeError("the worker dies")
        await sends(run, *given)

    monkeypatch.setattr(NewRun, "send", fails_once)
    twins = [await forked(tools, source) for _ in range(2)]

    assert begun == [{"event": 0, "step": 1, "artifact": 3}]
    assert await told(tools, twins[0]) == await told(tools, twins[1])
