"""Answers from other runs: of the lineage, of the project, and none that did not happen."""

from __future__ import annotations

from typing import Any

import pytest
from conversations import Talk, final_of, reply_of
from forkpoint_server.replay.plans import Asked
from forkpoint_server.replay.words import Executor
from stack import Database as Scratch
from working import Bench, bench

OTHER = "0190cccc-0000-7000-8000-000000000000"
READS = {"kind": "tool", "name": "refund"}
ASKS_AGAIN = {"kind": "output", "key": "r#2", "value": reply_of("chat", "c1", {"order": 1})}


def policy(scope: str, **more: Any) -> dict[str, Any]:
    return {
        "policy": "forkpoint.policy/1",
        "default": {"mode": "cached", "scope": scope, **more},
        "rules": [{"match": READS, "effect": "read"}],
    }


async def forked(tools: Bench, run_id: str, edit: dict[str, Any], rules: Any) -> Any:
    asked = Asked(run_id=run_id, edits=[edit], policy=rules, executor=Executor.LOOP)
    session_id = (await tools.ask(asked))[0]
    await tools.worker.work_off()
    return await tools.session(session_id)


async def test_an_answer_comes_from_the_run_a_run_was_forked_from(fresh_database: Scratch):
    async with bench(fresh_database) as tools:
        first = await tools.store(Talk(turns=3).imported())
        ends = {"kind": "output", "key": "r#2", "value": final_of("chat")}
        short = await forked(tools, first, ends, policy("run"))
        alone = await forked(tools, short.new_run_id, ASKS_AGAIN, policy("run"))
        again = await forked(tools, short.new_run_id, ASKS_AGAIN, policy("lineage"))
        run = await tools.read(again.new_run_id)

    tool, model = run.recording.started[3].replay, run.recording.started[4].replay
    assert alone.reason == "needs_tool_output"
    assert (again.verdict, [s.key for s in run.recording.started][-1]) == ("forked", "r#4")
    assert tool is not None
    assert tool.source is not None
    assert (tool.source.run, tool.source.key, tool.match) == (first, "r#3", "moved")
    assert model is not None
    assert model.source is not None
    assert model.source.run == first


@pytest.mark.parametrize(("more", "reason"), [({}, None), ({"ttl": "1s"}, "needs_tool_output")])
async def test_an_answer_comes_from_any_run_of_the_project_within_its_age(
    fresh_database: Scratch, more: dict[str, Any], reason: str | None
):
    async with bench(fresh_database) as tools:
        await tools.store(Talk(turns=3).imported())
        short = await tools.store(Talk(turns=2, run=OTHER).imported())
        session = await forked(tools, short, ASKS_AGAIN, policy("project", **more))

    assert session.reason == reason


async def test_a_write_is_never_answered_from_another_run(fresh_database: Scratch):
    rules = {"policy": "forkpoint.policy/1", "default": {"mode": "cached", "scope": "project"}}
    async with bench(fresh_database) as tools:
        await tools.store(Talk(turns=3).imported())
        short = await tools.store(Talk(turns=2, run=OTHER).imported())
        session = await forked(tools, short, ASKS_AGAIN, rules)

    assert session.reason == "needs_tool_output"


async def test_a_run_in_which_something_was_made_up_feeds_no_other(fresh_database: Scratch):
    made_up = {
        "kind": "output",
        "key": "r#3",
        "value": {"order": 1, "total": 1},
    }
    async with bench(fresh_database) as tools:
        first = await tools.store(Talk(turns=3).imported())
        short = await tools.store(Talk(turns=2, run=OTHER).imported())
        await forked(tools, first, made_up, policy("run"))
        fresh_database.sql(f"delete from step where run_id = '{first}'")
        session = await forked(tools, short, ASKS_AGAIN, policy("project"))

    assert session.reason == "needs_tool_output"
