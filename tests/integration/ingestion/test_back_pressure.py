"""A service that can take no more says so at every door, applies nothing, and opens by itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from forkpoint_server.settings import PressureLimits
from recorded_runs import RecordedRun
from serving import Service, json_text, serving, settings_for
from stack import Database
from traces import PROTOBUF, agent_trace

START = "mutation($record: JSON!) { startRun(input: {record: $record}) { created } }"
INGEST = "mutation($events: JSON!) { ingestEvents(input: {events: $events}) { accepted } }"
NDJSON = {"content-type": "application/x-ndjson"}
JOBS = "insert into job (project_id, kind, dedupe_key, run_at) select 1, 'finish_run', 'x' || n, "
LATER = "now() + interval '1 day' from generate_series(1, 3) as n"


async def post(service: Service, run: RecordedRun) -> Any:
    body = b"\n".join(json_text(event) for event in run.steps(1))
    return await service.client.post("/v1/events", content=body, headers=NDJSON)


async def test_a_low_disk_shuts_every_door_of_ingestion_and_no_other(
    database: Database, tmp_path: Path
):
    run = RecordedRun()
    limits = PressureLimits(disk_bytes=2**60)
    async with serving(settings_for(database, tmp_path, pressure=limits)) as service:
        while (lines := await post(service, run)).status_code == 400:  # until it has looked once
            pass
        spans = await service.client.post(
            "/v1/traces", content=agent_trace().body(), headers=PROTOBUF
        )
        start = await service.ask(START, record=run.start())
        events = await service.ask(INGEST, events=run.steps(1))
        reading = await service.ask("{ runs(first: 1) { edges { cursor } } }")
        health = await service.client.get("/healthz")

    assert (lines.status_code, lines.json()["error"]["code"]) == (503, "OVERLOADED")
    assert 15 <= int(lines.headers["retry-after"]) <= 30
    assert (spans.status_code, spans.headers["retry-after"]) == (503, "2")
    assert b"disk" in spans.content
    assert (start.code, events.code) == ("OVERLOADED", "OVERLOADED")
    assert start.errors[0]["extensions"]["measure"] == "disk"
    assert (reading.errors, health.status_code) == ([], 200)
    assert database.sql(f"select count(*) from run where run_id = '{run.run_id}'") == "0"


@pytest.mark.timeout(60)
async def test_a_backlog_shuts_the_doors_until_workers_have_caught_up(
    fresh_database: Database, tmp_path: Path
):
    run = RecordedRun()
    limits = PressureLimits(jobs=2, sampled_s=0.02)
    async with serving(settings_for(fresh_database, tmp_path, pressure=limits)) as service:
        assert (await service.ask(START, record=run.start())).errors == []
        fresh_database.sql(JOBS + LATER)
        while (shut := await post(service, run)).status_code == 200:
            pass
        fresh_database.sql("delete from job")
        while (opened := await post(service, run)).status_code == 503:
            pass

    assert shut.json()["error"]["measure"] == "jobs"
    assert opened.status_code == 200
