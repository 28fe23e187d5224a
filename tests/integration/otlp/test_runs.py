from __future__ import annotations

import pytest
from otlp_fixtures import Intake
from traces import agent_trace

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_a_trace_is_a_run_with_its_spans_as_steps(intake: Intake):
    trace = agent_trace()

    await intake.send(trace)
    await intake.finish()

    run = intake.run(trace)
    assert run["name"] == "agent"
    assert (run["status"], run["step_count"], run["finished"]) == ("ok", 3, True)
    assert [step["key"] for step in intake.steps(trace)] == ["r#0", "r#0.0", "r#0.1"]
