"""The line is cut after COMMIT and before the answer: whoever repeats is told what is there."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import httpx2
import orjson
import pytest
from faults.load import SETBACKS
from faults.oracle import Ledger, breaches
from faults.proxy import Fate, proxied
from faults.rounds import rounds
from forkpoint.capture.collector import HttpCollector
from forkpoint.capture.counters import Counters
from forkpoint.capture.spool import RecordType, SpoolReader, pack_record, segment_path
from forkpoint.capture.transport import Sender
from forkpoint.errors import Unavailable
from recorded_runs import RecordedRun
from serving import serving, settings_for
from stack import Database

START = "mutation($r: JSON!) { startRun(input: {record: $r}) { created } }"
NDJSON = {"content-type": "application/x-ndjson"}
BATCHES = 5 * rounds(2)
STEPS = 5


def each_third(fate: Fate) -> Any:
    """A script that breaks every third exchange."""
    return lambda number: fate if number % 3 == 2 else Fate.PASS


async def test_a_batch_that_was_committed_unanswered_is_all_duplicates_with_the_same_cursor(
    fresh_database: Database, tmp_path: Path
):
    run, cut = RecordedRun(), 0
    ledger = Ledger(run.run_id)
    async with serving(settings_for(fresh_database, tmp_path)) as service:
        await service.data(START, r=run.start())
        async with (
            proxied(service.url, each_third(Fate.CUT_ANSWER)) as proxy,
            httpx2.AsyncClient(base_url=proxy.url, timeout=20) as client,
        ):
            for batch in range(BATCHES):
                events = run.steps(STEPS, first=batch * STEPS)
                numbers = ledger.note_sent(events)
                answer, tries = await _until_answered(client, events)
                ledger.note_acknowledged(numbers, ())
                again = tries > 1
                cut += again
                assert (answer["accepted"], answer["duplicates"]) == (
                    (0, len(events)) if again else (len(events), 0)
                )
                assert answer["cursors"][0]["seq"] == str(max(numbers))

    assert cut == (BATCHES - 1) // 2  # from the third on every second one
    assert breaches(fresh_database, ledger) == []
    assert ledger.acknowledged == ledger.sent.keys()


@pytest.mark.parametrize("fate", [Fate.CUT_ANSWER, Fate.CUT_REQUEST, Fate.TRUNCATE])
async def test_the_recorder_sends_again_what_was_not_answered_and_stores_it_once(
    fresh_database: Database, tmp_path: Path, fate: Fate
):
    run = RecordedRun()
    ledger = Ledger(run.run_id)
    events = run.steps(1_500)
    ledger.note_acknowledged(ledger.note_sent(events), ())
    folder = tmp_path / "spool" / "a"
    folder.mkdir(parents=True)
    records = [pack_record(RecordType.RUN_START, orjson.dumps(run.start()))]
    records += [pack_record(RecordType.EVENT, orjson.dumps(event)) for event in events]
    end = run.end(events={"0": len(events)})
    segment_path(folder, 0).write_bytes(
        b"".join([*records, pack_record(RecordType.RUN_END, orjson.dumps(end))])
    )
    counters = Counters()
    async with (
        serving(settings_for(fresh_database, tmp_path)) as service,
        proxied(service.url, each_third(fate)) as proxy,
    ):
        sender = Sender(SpoolReader(folder), HttpCollector(proxy.url), counters)
        setbacks = await asyncio.to_thread(_pump, sender)

    assert setbacks == 3  # of eight requests, from the third on every second one
    told = counters.read()
    assert told["events_sent"] + told.get("events_duplicate", 0) == len(events)
    assert (told.get("events_duplicate", 0) > 0) == (fate is not Fate.CUT_REQUEST)
    assert breaches(fresh_database, ledger) == []
    assert fresh_database.sql("select status, finished, head from run") == (
        f"ok\tt\t{len(events) - 1}"
    )


def _pump(sender: Sender) -> int:
    """Send until nothing is left, without the waits between; how often nobody answered."""
    setbacks = 0
    while True:
        try:
            if not sender.pump():
                return setbacks
        except Unavailable:
            setbacks += 1


async def _until_answered(client: httpx2.AsyncClient, events: list[Any]) -> tuple[Any, int]:
    body, tries = b"\n".join(map(orjson.dumps, events)), 0
    while True:
        tries += 1
        try:
            answer = await client.post("/v1/events", content=body, headers=NDJSON)
        except SETBACKS:
            continue
        assert answer.status_code == 200, answer.content
        return answer.json(), tries
