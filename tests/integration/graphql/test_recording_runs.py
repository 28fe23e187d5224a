"""The way of a run through the GraphQL door, and back out."""

from __future__ import annotations

from forkpoint.events.kinds import Kind
from recorded import INGEST, START, Recording, recorded
from serving import Service


async def test_a_recorded_run_can_be_read_back(service: Service):
    run = recorded(steps=3)

    await run.send(service)

    found = await service.data(
        """query($id: ID!) { run(id: $id) {
            name status stepCount head steps { nodes { sequence key } } } }""",
        id=run.run_id,
    )
    assert found["run"] == {
        "name": "refund-agent",
        "status": "OK",
        "stepCount": 3,
        "head": "5",
        "steps": {
            "nodes": [
                {"sequence": "0", "key": "r#0"},
                {"sequence": "2", "key": "r#1"},
                {"sequence": "4", "key": "r#2"},
            ]
        },
    }


async def test_sending_everything_twice_stores_it_once(service: Service):
    run = recorded(steps=2)
    await run.send(service)

    again = await service.data(START, r=run.start)
    events = await service.data(INGEST, e=run.events)

    assert again["startRun"]["created"] is False
    assert events["ingestEvents"]["duplicates"] == 4
    assert events["ingestEvents"]["accepted"] == 0


async def test_a_recording_comes_back_with_its_events_and_blocks(service: Service):
    run = Recording()
    messages = run.ref("input.messages", [{"role": "user", "content": "x" * 300}])
    step = run.step("r#0", kind=Kind.MODEL, artifacts=[messages])
    run.end(step, artifacts=[run.ref("output", {"content": "done"})])
    await run.send(service)

    found = await service.data(
        "query($id: ID!) { run(id: $id) { recording { start end events blocks head next } } }",
        id=run.run_id,
    )

    page = found["run"]["recording"]
    assert page["start"] == run.start
    assert page["end"]["status"] == "ok"
    assert [event["event"] for event in page["events"]] == run.events
    assert sorted(page["blocks"]) == sorted(run.blocks.values())
    assert page["next"] is None
