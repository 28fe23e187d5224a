from __future__ import annotations

import os
from typing import Any

import pytest
from forkpoint.events.ids import RunId, run_id
from forkpoint.events.model import OtelLink, RunStart
from otlp_fixtures import Intake
from recorded import BEGIN_NS, RULESET, START, Recording
from traces import agent_trace, any_value

pytestmark = pytest.mark.asyncio(loop_scope="module")
LIST = "query { runs(first: 200) { nodes { id } } runStats(groupBy: NAME) { group runs } }"
MIRROR = "query($id: ID!) { run(id: $id) { otel mirror { id stepCount } } }"


async def test_mirror_run_of_a_recorded_one_counts_nowhere(intake: Intake):
    recording = Recording(name="told twice")
    await recording.send(intake.service)
    trace = agent_trace(steps=2)
    mark = trace.spans[0].attributes.add(key="forkpoint.run.id")
    mark.value.CopyFrom(any_value(recording.run_id))

    await intake.send(trace)
    await intake.finish()

    mirror_id = intake.run(trace)["run_id"]
    run = (await intake.service.data(MIRROR, id=recording.run_id))["run"]
    listed = await intake.service.data(LIST)
    assert run["mirror"] == {"id": mirror_id, "stepCount": 3}
    assert mirror_id not in [node["id"] for node in listed["runs"]["nodes"]]
    assert "agent" not in [group["group"] for group in listed["runStats"]]


async def test_a_trace_that_names_no_run_of_the_project_is_an_ordinary_one(intake: Intake):
    trace = agent_trace(steps=1)
    mark = trace.spans[0].attributes.add(key="forkpoint.run.id")
    mark.value.CopyFrom(any_value(run_id(BEGIN_NS, os.urandom(10))))

    await intake.send(trace)
    await intake.finish()

    assert intake.run(trace)["mirror_of"] is None


async def test_a_run_keeps_the_span_it_was_started_in(intake: Intake):
    link = OtelLink(trace_id="ab" * 16, span_id="cd" * 8)
    record: Any = RunStart(
        run_id=RunId(run_id(BEGIN_NS, os.urandom(10))),
        name="linked",
        started_ns=BEGIN_NS,
        ruleset_id=RULESET,
        otel=link,
    )
    fields = {name: getattr(record, name) for name in ("run_id", "name", "started_ns")}
    fields["otel"] = {"trace_id": link.trace_id, "span_id": link.span_id}

    await intake.service.data(START, r=fields, b=[])

    run = (await intake.service.data(MIRROR, id=record.run_id))["run"]
    assert run["otel"] == {"traceId": "ab" * 16, "spanId": "cd" * 8}
    broken = await intake.service.ask(START, r={**fields, "otel": {"trace_id": "x"}}, b=[])
    assert broken.code == "SCHEMA_INVALID"
