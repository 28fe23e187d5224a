from __future__ import annotations

import pytest
from otlp_fixtures import Intake
from replaying import session_of, start
from traces import agent_trace

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_a_derived_run_is_verified_without_its_code(intake: Intake):
    trace = agent_trace(steps=3)
    await intake.send(trace)
    await intake.finish()

    made = (await start(intake.service, intake.run(trace)["run_id"]))["sessions"][0]
    await intake.worker.work_off()

    done = await session_of(intake.service, made["id"])
    assert (done["state"], done["verdict"], done["reason"]) == ("FINISHED", "IDENTICAL", None)
    assert done["report"]["exit"] == 0


async def test_host_replay_refused_with_reason(intake: Intake):
    trace = agent_trace(steps=1)
    await intake.send(trace)
    await intake.finish()
    run_id = intake.run(trace)["run_id"]

    plan = (await start(intake.service, run_id, dryRun=True, entrypoint="app:main"))["plan"]

    assert [(each["code"], each["field"]) for each in plan["refusals"]] == [
        ("RECORDING_INCOMPLETE", "runId")
    ]
    assert "allow_shift" in plan["refusals"][0]["message"]


async def test_a_trace_without_content_is_refused_where_content_is_needed(intake: Intake):
    trace = agent_trace(steps=1)
    trace.span("chat", parent=trace.spans[0], at=8, attributes={"gen_ai.operation.name": "chat"})
    await intake.send(trace)
    await intake.finish()

    able = intake.run(trace)["capabilities"]

    assert "graph" not in able["can"]
    assert able["reasons"]["content_missing"] == 1
