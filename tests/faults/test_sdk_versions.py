"""A sender one version older or newer than the service: what it says is kept, nothing is lost."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import orjson
import pytest
from forkpoint.capture.collector import HttpCollector
from forkpoint.capture.counters import Counters
from forkpoint.capture.spool import RecordType, SpoolReader, pack_record, segment_path
from forkpoint.capture.transport import Sender
from forkpoint.events.model import SCHEMA_MINOR
from recorded import Recording
from serving import Service, serving, settings_for
from stack import Database

NEWER = {"minor": SCHEMA_MINOR + 1, "cpu_ns": 17, "place": {"region": "eu", "zones": [1, None]}}
EVENTS = "query($id: ID!) { run(id: $id) { events(first: 50) { nodes { event } } } }"
RECORDING = "query($id: ID!) { run(id: $id) { recording(first: 50) { start events } } }"


async def test_an_older_sender_is_understood(fresh_database: Database, tmp_path: Path):
    """Its records say no version at all, as those of the first SDK."""
    run = _run()
    async with serving(settings_for(fresh_database, tmp_path)) as service:
        counters = await _send(service, run, tmp_path / "spool" / "a")

        assert (counters["events_sent"], counters.get("events_rejected", 0)) == (4, 0)
        assert await _stored(service, run) == run.events


async def test_fields_of_a_newer_sender_come_back_as_they_were_sent(
    fresh_database: Database, tmp_path: Path
):
    run = _run()
    run.start |= {"minor": SCHEMA_MINOR + 1, "mood": "calm"}
    run.events = [event | NEWER for event in run.events]
    async with serving(settings_for(fresh_database, tmp_path)) as service:
        counters = await _send(service, run, tmp_path / "spool" / "a")
        again = await _send(service, run, tmp_path / "spool" / "b")
        recording = (await service.data(RECORDING, id=run.run_id))["run"]["recording"]

        assert (counters["events_sent"], again["events_duplicate"]) == (4, 4)
        assert await _stored(service, run) == run.events
        assert recording["start"]["mood"] == "calm"
        assert [row["event"] for row in recording["events"]] == run.events


async def test_fields_nobody_vouches_for_are_not_given_out(
    fresh_database: Database, tmp_path: Path
):
    """Without known rules of redaction they might hold anything."""
    run = _run(start={"minor": SCHEMA_MINOR + 1, "mood": "sk-live-123"})
    del run.start["ruleset_id"]
    plain = [event | {"minor": SCHEMA_MINOR + 1} for event in run.events]
    run.events = [event | {"secret": "sk-live-123"} for event in plain]
    # one that waits for its predecessor is stored as well
    run.events[2], run.events[3] = run.events[3], run.events[2]
    async with serving(settings_for(fresh_database, tmp_path)) as service:
        await _send(service, run, tmp_path / "spool" / "a")
        again = await _send(service, run, tmp_path / "spool" / "b")
        recording = await service.data(RECORDING, id=run.run_id)

        assert await _stored(service, run) == plain
        assert b"sk-live-123" not in orjson.dumps(recording)
        assert again["events_duplicate"] == 4
    assert fresh_database.sql("select health from run") == "{privacy_risk}"


@pytest.mark.parametrize("whole", [True, False], ids=["all of it", "some events"])
async def test_a_newer_major_version_is_rejected_and_kept_by_its_sender(
    fresh_database: Database, tmp_path: Path, whole: bool
):
    run = _run()
    newer = [event | {"v": 2} for event in (run.events if whole else run.events[2:])]
    run.events[-len(newer) :] = newer
    run.start |= {"v": 2} if whole else {}
    async with serving(settings_for(fresh_database, tmp_path)) as service:
        await _send(service, run, tmp_path / "spool" / "a")

    kept = (tmp_path / "rejected" / "a.ndjson").read_text().splitlines()
    lines = [json.loads(line) for line in kept]
    assert {line["code"] for line in lines} == {"version_unknown"}
    assert [line["record"] for line in lines] == ([run.start] if whole else []) + newer
    assert fresh_database.sql("select count(*) from event") == str(4 - len(newer))


def _run(**start: Any) -> Recording:
    run = Recording()
    for number in range(2):
        run.end(run.step(f"r#{number}"))
    run.start |= start.get("start", {})
    return run


async def _send(service: Service, run: Recording, folder: Path) -> dict[str, int]:
    """Through a spool and the transport of the SDK, as the process of that version left it."""
    folder.mkdir(parents=True)
    records = [pack_record(RecordType.RUN_START, orjson.dumps(run.start))]
    records += [pack_record(RecordType.EVENT, orjson.dumps(event)) for event in run.events]
    segment_path(folder, 0).write_bytes(b"".join(records))
    counters = Counters()
    sender = Sender(SpoolReader(folder), HttpCollector(service.url), counters)

    def pump() -> None:
        while sender.pump():
            pass

    await asyncio.to_thread(pump)
    return dict(counters.read())


async def _stored(service: Service, run: Recording) -> list[object]:
    nodes = (await service.data(EVENTS, id=run.run_id))["run"]["events"]["nodes"]
    return [node["event"] for node in nodes]
