"""POST /v1/events: lines of events and blocks, packed or not."""

from __future__ import annotations

import gzip
from typing import Any

import httpx2
import orjson
import pytest
import zstandard
from recorded import Recording, recorded
from serving import Service

NDJSON = {"content-type": "application/x-ndjson"}


def lines(run: Recording) -> bytes:
    """Blocks first, then events, one a line."""
    blocks = [orjson.dumps({"block": body}) for body in run.blocks.values()]
    return b"\n".join([*blocks, *map(orjson.dumps, run.events)]) + b"\n"


async def post(service: Service, body: bytes, **headers: str) -> httpx2.Response:
    return await service.client.post("/v1/events", content=body, headers={**NDJSON, **headers})


async def started(service: Service) -> Recording:
    """A run that has begun, with payload in its events."""
    run = Recording()
    await run.send_start(service)
    run.call("r#0", artifacts=[run.ref("input.args", {"text": run.run_id * 20})])
    return run


@pytest.mark.parametrize("encoding", ["identity", "gzip", "zstd"])
async def test_lines_are_stored_however_they_are_packed(service: Service, encoding: str):
    run = await started(service)
    pack: dict[str, Any] = {
        "identity": bytes,
        "gzip": gzip.compress,
        "zstd": zstandard.ZstdCompressor().compress,
    }

    answer = await post(service, pack[encoding](lines(run)), **{"content-encoding": encoding})

    assert answer.status_code == 200
    assert answer.json() == {
        "accepted": 2,
        "duplicates": 0,
        "held": 0,
        "rejected": [],
        "missing": [],
        "cursors": [{"runId": run.run_id, "seq": "1"}],
    }


async def test_a_line_that_is_no_json_is_refused_alone_by_its_number(service: Service):
    run = recorded(steps=1)
    await run.send_start(service)
    body = b"\n".join([orjson.dumps(run.events[0]), b"{nonsense", orjson.dumps(run.events[1])])

    answer = (await post(service, body)).json()

    assert answer["accepted"] == 2
    assert [(line["index"], line["code"]) for line in answer["rejected"]] == [(1, "schema_invalid")]


async def test_nan_and_lone_surrogates_reach_their_own_event_only(service: Service):
    run = recorded(steps=1)
    await run.send_start(service)
    bad = b'{"event_type": "note", "name": "\\ud800", "time_ns": NaN}'
    body = b"\n".join([bad, *map(orjson.dumps, run.events)])

    answer = (await post(service, body)).json()

    assert answer["accepted"] == 2
    assert answer["rejected"][0]["index"] == 0
    assert answer["rejected"][0]["code"] in ("lone_surrogate", "not_finite")


async def test_only_bad_lines_are_400_and_only_conflicts_409(service: Service):
    run = recorded(steps=1)
    await run.send_start(service)
    await post(service, lines(run))
    other = orjson.dumps({**run.events[0], "name": "other"})

    bad, conflict = await post(service, b"nonsense"), await post(service, other)

    assert (bad.status_code, conflict.status_code) == (400, 409)


async def test_missing_blocks_are_named_and_nothing_is_stored(service: Service):
    run = await started(service)
    run.blocks.clear()

    answer = await post(service, lines(run))

    assert answer.status_code == 409
    assert len(answer.json()["missing"]) == 1


async def test_a_cut_or_nested_encoding_is_refused(service: Service):
    run = recorded(steps=1)
    packed = gzip.compress(lines(run))

    cut = await post(service, packed[:-4], **{"content-encoding": "gzip"})
    nested = await post(service, packed, **{"content-encoding": "gzip, zstd"})

    assert (cut.status_code, nested.status_code) == (400, 400)


async def test_too_many_lines_are_refused(service: Service):
    answer = await post(service, b"{}\n" * 10_002)

    assert (answer.status_code, answer.json()["error"]["limit"]) == (413, "lines")
