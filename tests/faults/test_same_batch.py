"""The same batch on many connections at once is stored once; another body under its id never."""

from __future__ import annotations

import asyncio
from pathlib import Path

import httpx2
import orjson
from recorded import START, recorded
from serving import Service, serving, settings_for
from stack import Database

CONNECTIONS = 16
NDJSON = {"content-type": "application/x-ndjson"}


async def test_sixteen_equal_batches_at_once_are_one_row_each_and_another_body_is_audited(
    fresh_database: Database, tmp_path: Path
):
    run = recorded(steps=10)
    body = b"\n".join(map(orjson.dumps, run.events))
    other = orjson.dumps(run.events[3] | {"time_ns": 1})
    async with serving(settings_for(fresh_database, tmp_path)) as service:
        await service.data(START, r=run.start)
        answers = await asyncio.gather(*(_post(service, body) for _ in range(CONNECTIONS)))
        refused = await service.client.post("/v1/events", content=other, headers=NDJSON)

    sent, first = len(run.events), orjson.dumps(run.events[3], option=orjson.OPT_SORT_KEYS)
    assert sorted((each["accepted"], each["duplicates"]) for each in answers) == [
        *[(0, sent)] * (CONNECTIONS - 1),
        (sent, 0),
    ]
    assert {each["cursors"][0]["seq"] for each in answers} == {str(sent - 1)}
    assert refused.status_code == 409
    assert refused.json()["rejected"][0]["code"] == "conflict"
    rows = "select count(*), count(distinct event_id), max(seq) from event"
    assert fresh_database.sql(rows) == f"{sent}\t{sent}\t{sent - 1}"
    kept = fresh_database.sql("select encode(body, 'hex') from event where seq = 3")
    assert orjson.dumps(orjson.loads(bytes.fromhex(kept)), option=orjson.OPT_SORT_KEYS) == first
    audited = fresh_database.sql("select action, target, facts from audit")
    facts = orjson.dumps({"count": 1, "ids": [refused.json()["rejected"][0]["id"]]}).decode()
    assert audited == f"event.conflict\t{run.run_id}\t{facts}"


async def _post(service: Service, body: bytes) -> dict[str, list]:
    """One connection of its own for each."""
    async with httpx2.AsyncClient(base_url=service.url, timeout=60) as client:
        while True:
            answer = await client.post("/v1/events", content=body, headers=NDJSON)
            if answer.status_code != 503:  # sixteen may be more than the pool has
                assert answer.status_code == 200, answer.content
                return answer.json()
