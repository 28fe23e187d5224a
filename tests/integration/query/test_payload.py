"""Payload by pointer, behind the gate."""

from __future__ import annotations

from typing import Any

from recorded import Recording
from serving import Service

STEP = """query($run: ID!, $role: String!, $pointer: String!, $bytes: Int!) {
    run(id: $run) { step(sequence: "0") { artifact(role: $role) {
        state root size value(pointer: $pointer, maxBytes: $bytes) } } } }"""
PREVIEW = """query($run: ID!, $role: String!, $pointer: String!) {
    run(id: $run) { step(sequence: "0") { artifact(role: $role) {
        preview(pointer: $pointer, maxBytes: 1000) {
            type size count truncated text json } } } } }"""
ITEMS = """query($run: ID!, $role: String!, $from: Int!, $first: Int!) {
    run(id: $run) { step(sequence: "0") { artifact(role: $role) {
        items(from: $from, first: $first) { total keys values } } } } }"""


async def run_with(service: Service, value: object, **start: Any) -> Recording:
    run = Recording(**start)
    run.end(run.step("r#0", artifacts=[run.ref("input.args", value)]))
    await run.send(service)
    return run


async def artifact_of(service: Service, query: str, run: Recording, **more: object) -> Any:
    found = await service.data(query, run=run.run_id, role="input.args", **more)
    return found["run"]["step"]["artifact"]


async def test_a_value_is_read_whole_and_by_pointer(service: Service):
    run = await run_with(service, {"order": {"items": ["a", "b"]}, "n": 1})

    whole = await artifact_of(service, STEP, run, pointer="", bytes=1000)
    part = await artifact_of(service, STEP, run, pointer="/order/items/1", bytes=1000)

    assert whole["value"] == {"order": {"items": ["a", "b"]}, "n": 1}
    assert part["value"] == "b"


async def test_a_value_over_the_asked_size_is_refused_and_previewed(service: Service):
    run = await run_with(service, {"text": "line\n" * 10_000})

    refused = await service.ask(
        STEP, run=run.run_id, role="input.args", pointer="/text", bytes=1000
    )
    seen = await artifact_of(service, PREVIEW, run, pointer="/text")

    assert refused.code == "LIMIT_EXCEEDED"
    assert refused.errors[0]["extensions"]["limit"] == "max_bytes"
    assert (seen["preview"]["type"], seen["preview"]["size"]) == ("string", "50000")
    assert seen["preview"]["truncated"] is True
    assert seen["preview"]["text"].startswith("line\nline\n")
    assert len(seen["preview"]["text"]) <= 1003


async def test_items_of_a_long_list_come_in_ranges(service: Service):
    run = await run_with(service, list(range(5_000)))

    found = await artifact_of(service, ITEMS, run, **{"from": 4_997, "first": 10})

    assert found["items"] == {"total": 5_000, "keys": None, "values": [4_997, 4_998, 4_999]}


async def test_entries_of_an_object_come_with_their_keys(service: Service):
    run = await run_with(service, {"b": 2, "a": [1], "c": None})

    found = await artifact_of(service, ITEMS, run, **{"from": 0, "first": 2})

    assert found["items"] == {"total": 3, "keys": ["a", "b"], "values": [[1], 2]}


async def test_what_json_cannot_say_is_marked(service: Service):
    value = {"f": float("nan"), "i": 2**70, "b": b"\0\1", "s": "\ud800", "$int": {"$int": "1"}}
    run = await run_with(service, value)

    whole = await artifact_of(service, STEP, run, pointer="", bytes=1000)

    assert whole["value"] == {
        "f": {"$float": "NaN"},
        "i": {"$int": str(2**70)},
        "b": {"$bytes": "AAE="},
        "s": {"$text": "7aCA"},
        "$int": {"$dict": [["$int", "1"]]},
    }


async def test_payload_under_an_unknown_rule_set_is_refused(service: Service):
    run = await run_with(service, {"secret": 1}, start={"ruleset_id": "nobody-knows"})

    answer = await service.ask(STEP, run=run.run_id, role="input.args", pointer="", bytes=1000)

    assert answer.code == "PAYLOAD_AT_RISK"
    assert answer.data["run"]["step"]["artifact"]["value"] is None


async def test_a_download_gives_ranges_and_never_a_page(service: Service):
    run = await run_with(service, "0123456789" * 100)
    root = (await artifact_of(service, STEP, run, pointer="", bytes=2000))["root"]

    whole = await service.client.get(f"/v1/artifacts/{root}", params={"run": run.run_id})
    part = await service.client.get(f"/v1/artifacts/{root}", headers={"range": "bytes=995-"})

    assert whole.content == b"0123456789" * 100
    assert whole.headers["content-disposition"].startswith("attachment")
    assert whole.headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in whole.headers["content-security-policy"]
    assert (part.status_code, part.content) == (206, b"56789")
    assert part.headers["content-range"] == "bytes 995-999/1000"


async def test_an_unknown_digest_is_not_found(service: Service):
    answer = await service.client.get(f"/v1/artifacts/{'A' * 43}")

    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "NOT_FOUND")
