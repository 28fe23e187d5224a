"""What senders get wrong is refused one by one, each with its documented code; the rest is kept."""

from __future__ import annotations

from typing import Any

import pytest
from recorded import FINISH, INGEST, Recording, recorded
from serving import Service

SURROGATE = "\ud800"


def changed(event: dict[str, Any], **fields: object) -> dict[str, Any]:
    return {**event, **fields}


BAD = {
    "an unknown kind": ("unknown_kind", "kind", {"kind": "wizard"}),
    "an unknown event type": ("unknown_event_type", "event_type", {"event_type": "step_mused"}),
    "an unknown version": ("version_unknown", "v", {"v": 2}),
    "an unknown field": ("schema_invalid", None, {"mood": "good"}),
    "a field of 2 MB": ("field_too_large", "name", {"name": "x" * 2_000_000}),
    "a NUL byte": ("nul_byte", "site", {"site": "a\0b"}),
    "a lone surrogate": ("lone_surrogate", "site", {"site": SURROGATE}),
    "a NaN": ("not_finite", "time_ns", {"time_ns": float("nan")}),
    "an infinity": ("not_finite", "time_ns", {"time_ns": float("inf")}),
    "a number of 5,000 digits": ("schema_invalid", "time_ns", {"time_ns": 10**4000}),
    "an id that is none": ("id_invalid", "step_id", {"step_id": "7"}),
    "a root that is none": ("root_invalid", "signature", {"signature": "abc"}),
    "a value of the wrong type": ("schema_invalid", "name", {"name": 7}),
}


@pytest.mark.parametrize("mistake", BAD)
async def test_a_bad_event_is_refused_alone_with_its_code(service: Service, mistake: str):
    code, field, fields = BAD[mistake]
    run = recorded(steps=2)
    await run.send_start(service)
    late = Recording(run_id=run.run_id, events=[*run.events])
    late.step("r#9")
    batch = [run.events[0], changed(late.events[-1], **fields), *run.events[1:]]

    result = (await service.data(INGEST, e=batch))["ingestEvents"]

    (rejected,) = result["rejected"]
    assert (rejected["index"], rejected["code"]) == (1, code)
    assert field is None or rejected["field"] == field
    assert result["accepted"] == 4
    assert len(rejected["message"]) < 300


@pytest.mark.parametrize("value", [None, 7, "event", [], True])
async def test_what_is_no_object_is_no_event(service: Service, value: object):
    run = recorded(steps=1)
    await run.send_start(service)

    result = (await service.data(INGEST, e=[value, *run.events]))["ingestEvents"]

    assert [event["code"] for event in result["rejected"]] == ["schema_invalid"]
    assert result["accepted"] == 2


async def test_an_event_repeated_with_another_body_is_a_conflict_and_the_first_stays(
    service: Service,
):
    run = recorded(steps=1)
    await run.send_start(service)
    await service.data(INGEST, e=run.events)

    other = changed(run.events[0], name="something else")
    result = (await service.data(INGEST, e=[other]))["ingestEvents"]

    assert [event["code"] for event in result["rejected"]] == ["conflict"]
    found = await service.data(
        "query($id: ID!) { run(id: $id) { step(sequence: 0) { name } } }", id=run.run_id
    )
    assert found["run"]["step"]["name"] == "decide"


async def test_a_gap_is_held_then_marked_and_the_run_is_incomplete(service: Service):
    run = recorded(steps=3)
    await run.send_start(service)

    early = [event for index, event in enumerate(run.events) if index != 1]
    result = (await service.data(INGEST, e=early))["ingestEvents"]
    await service.data(FINISH, r=run.finish_record())

    assert (result["accepted"], result["held"]) == (1, 4)
    found = await service.data(
        "query($id: ID!) { run(id: $id) { gapCount health stepCount head status } }", id=run.run_id
    )
    assert found["run"] == {
        "gapCount": 1,
        "health": ["INCOMPLETE"],
        "stepCount": 3,
        "head": "5",
        "status": "OK",
    }


async def test_events_of_a_run_that_was_never_started_are_refused(service: Service):
    run = recorded(steps=1)

    result = (await service.data(INGEST, e=run.events))["ingestEvents"]

    assert {event["code"] for event in result["rejected"]} == {"unknown_run"}


async def test_a_batch_whose_blocks_are_missing_stores_nothing_and_says_which(service: Service):
    run = Recording()
    run.call("r#0", artifacts=[run.ref("input.args", {"a": "x" * 400})])
    await run.send_start(service)
    # the start brought the blocks: name one that nobody has
    run.events[0]["artifacts"][0]["root"] = "A" * 43

    result = (await service.data(INGEST, e=run.events))["ingestEvents"]

    assert (result["missing"], result["accepted"]) == (["A" * 43], 0)


@pytest.mark.parametrize(
    ("blocks", "code"),
    [
        (["{ }"], "BLOCK_INVALID"),
        ([7], "BLOCK_INVALID"),
        ([SURROGATE], "BLOCK_INVALID"),
        (['"' + "x" * 200_000 + '"'], "BLOCK_TOO_LARGE"),
        ("no list", "BAD_REQUEST"),
    ],
)
async def test_a_bad_block_refuses_its_batch(service: Service, blocks: object, code: str):
    run = recorded(steps=1)
    await run.send_start(service)

    answer = await service.ask(INGEST, e=run.events, b=blocks)

    assert answer.code == code


@pytest.mark.parametrize(
    "fields", [{"name": "a\0b"}, {"run_id": "7"}, {"started_ns": "yesterday"}, {"mood": 1}]
)
async def test_a_bad_start_is_refused(service: Service, fields: dict[str, object]):
    run = recorded(steps=0)
    query = "mutation($r: JSON!) { startRun(input: {record: $r}) { created } }"

    answer = await service.ask(query, r=changed(run.start, **fields))

    assert answer.errors
    assert answer.code != "INTERNAL"


async def test_a_body_that_is_no_json_is_a_bad_request(service: Service):
    for body in (b"{", b"\xff\xfe", b'{"query": "{ __typename }"', b"[" * 60_000):
        answer = await service.client.post(
            "/graphql", content=body, headers={"content-type": "application/json"}
        )
        assert answer.status_code == 400
        assert answer.json()["errors"][0]["extensions"]["code"] == "BAD_REQUEST"
