"""The way of a run through the GraphQL door, and back out."""

from __future__ import annotations

import os
from typing import Any

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


PAGES = """query($id: ID!, $after: BigInt!, $first: Int!) { run(id: $id) {
    recording(after: $after, first: $first) { events blocks next } } }"""


async def pages_of(service: Service, run: Recording, *, first: int) -> list[dict[str, Any]]:
    """All pages of a recording."""
    pages: list[dict[str, Any]] = []
    after: str | None = "-1"
    while after is not None:
        found = await service.data(PAGES, id=run.run_id, after=after, first=first)
        pages.append(found["run"]["recording"])
        after = pages[-1]["next"]
    return pages


async def test_pages_of_a_recording_join_to_all_of_it(service: Service):
    run = Recording()
    for number in range(10):
        asked = run.ref("input.args", {"text": f"{number} " * 100})
        run.end(run.step(f"r#{number}", artifacts=[asked]), artifacts=[run.ref("output", number)])
    await run.send(service)

    pages = await pages_of(service, run, first=7)

    assert [e["seq"] for page in pages for e in page["events"]] == list(range(20))
    assert {body for page in pages for body in page["blocks"]} == set(run.blocks.values())


async def test_a_page_with_much_payload_has_fewer_events(service: Service):
    run = Recording()
    await run.send_start(service)
    for number in range(8):
        large = run.ref("output", os.urandom(500_000).hex())
        run.end(run.step(f"r#{number}"), artifacts=[large])
        await service.data(INGEST, e=run.events[-2:], b=list(run.blocks.values()))
        run.blocks.clear()

    pages = await pages_of(service, run, first=500)

    assert [e["seq"] for page in pages for e in page["events"]] == list(range(16))
    assert max(sum(map(len, page["blocks"])) for page in pages) <= 4 * 1024 * 1024
