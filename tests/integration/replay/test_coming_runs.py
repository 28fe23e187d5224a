"""Following the run that a replay is about to make: its page opens before it is there."""

from __future__ import annotations

import asyncio

import pytest
from forkpoint_worker.loop import Worker
from replaying import CANCEL, start, tool_loop
from serving import Service
from subscribing import Socket, socket_of

COMING = """subscription($run: ID!, $session: ID) {
    runEvents(runId: $run, after: "-1", session: $session) {
        fromSeq toSeq status startedNs events } }"""


async def code_of(socket: Socket) -> str:
    """Of the error that the next message must be."""
    return (await socket.receive())["payload"]["errors"][0]["extensions"]["code"]


async def test_a_run_that_a_session_will_make_is_followed_from_its_first_event(
    service: Service, worker: Worker
):
    recording = tool_loop()
    await recording.send(service)
    made = (await start(service, recording.run_id))["sessions"][0]

    async with socket_of(service) as socket:
        await socket.subscribe(COMING, run=made["newRunId"], session=made["id"])
        working = asyncio.create_task(worker.work_off())
        batches = [data["runEvents"] async for data in socket.answers()]
        await working

    seqs = [event["seq"] for batch in batches for event in batch["events"]]
    assert seqs == list(range(len(recording.events)))
    assert {int(batch["startedNs"]) > 0 for batch in batches} == {True}
    assert batches[-1]["status"] == "OK"


async def test_waiting_for_a_run_ends_with_its_session(service: Service):
    recording = tool_loop()
    await recording.send(service)
    made = (await start(service, recording.run_id))["sessions"][0]

    async with socket_of(service) as socket:
        await socket.subscribe(COMING, run=made["newRunId"], session=made["id"])
        await service.data(CANCEL, s=made["id"])

        assert await code_of(socket) == "NOT_FOUND"


ABSENT = "0198c0de-0000-7000-8000-000000000000"


@pytest.mark.parametrize("wrong", [{"session": "none"}, {"session": ABSENT}, {"run": ABSENT}])
async def test_a_run_is_waited_for_only_where_a_session_makes_it(
    service: Service, wrong: dict[str, str]
):
    recording = tool_loop()
    await recording.send(service)
    made = (await start(service, recording.run_id))["sessions"][0]

    async with socket_of(service) as socket:
        await socket.subscribe(COMING, **{"run": made["newRunId"], "session": made["id"], **wrong})

        assert await code_of(socket) == "NOT_FOUND"
