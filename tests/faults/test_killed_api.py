"""Kill -9 of the API under load: what it acknowledged is there, once, and in order.

`FORKPOINT_FAULT_ROUNDS` says how often (default twice), `FORKPOINT_FAULT_SEED` repeats one.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path

import httpx2
import pytest
from faults.load import SETBACKS, Answers, loaded
from faults.oracle import breaches
from faults.processes import api
from faults.rounds import luck, rounds
from forkpoint_server.ingestion.otlp.identity import run_id_of, step_id_of
from otlp_fixtures import publish, the_opener
from stack import Database
from traces import PROTOBUF, Trace, agent_trace

SENDERS = 3
EXPORTERS = 2
TURNS = 5
"""Model calls of a trace, each a span; with the root one more."""
ROUNDS = rounds(2)
pytestmark = pytest.mark.timeout(120 + 30 * ROUNDS)


async def test_an_api_killed_under_load_keeps_every_promise_behind_both_doors(
    fresh_database: Database, tmp_path: Path
):
    chance, exported, over = luck(), Answers(), asyncio.Event()
    await publish(fresh_database, the_opener())
    async with api(fresh_database, tmp_path) as served, asyncio.TaskGroup() as tasks:
        exporters = [
            tasks.create_task(_export(served.url, exported, over)) for _ in range(EXPORTERS)
        ]
        async with loaded(served.url, senders=SENDERS) as (senders, answers):
            for number in range(ROUNDS):
                await answers.more(chance.randint(5, 40))
                await served.kill()
                await served.start()
                seconds = await answers.more(1)
                print(f"round {number}: answered {seconds:.2f} s after the start")
        await exported.more(EXPORTERS)
        over.set()
        await asyncio.gather(*exporters)
    ledgers = [sender.ledger for sender in senders]
    traces = [trace for exporter in exporters for trace in exporter.result()]

    print(f"{sum(len(each.sent) for each in ledgers)} events, {len(traces)} traces")
    assert [each for ledger in ledgers for each in breaches(fresh_database, ledger)] == []
    assert all(ledger.acknowledged == ledger.sent.keys() for ledger in ledgers)
    _check_spans(fresh_database, traces)


async def _export(url: str, answers: Answers, over: asyncio.Event) -> list[Trace]:
    """Export traces, each in two requests that are repeated until they are answered."""
    sent: list[Trace] = []
    async with httpx2.AsyncClient(base_url=url, timeout=20) as client:
        while not over.is_set():
            trace = agent_trace(steps=TURNS)
            sent.append(trace)
            for spans in (trace.spans[1:4], [trace.spans[0], *trace.spans[4:]]):
                while not await _is_exported(client, trace.body(*spans)):
                    await asyncio.sleep(0.05)
            await answers.add()
    return sent


async def _is_exported(client: httpx2.AsyncClient, body: bytes) -> bool:
    try:
        answer = await client.post("/v1/traces", content=body, headers=PROTOBUF)
    except SETBACKS:
        return False
    assert answer.status_code in (200, 503), answer.content
    return answer.status_code == 200 and answer.content == b""


def _check_spans(database: Database, sent: list[Trace]) -> None:
    """Each trace is one run, each of its spans one step of two events; no more."""
    of_traces = "from event join run using (run_id) where intake = 'otlp'"
    events = database.sql(f"select run_id, seq, encode(event_id, 'hex'), step_id {of_traces}")
    stored: dict[str, list[list[str]]] = {}
    for row in events.splitlines():
        run_id, *rest = row.split("\t")
        stored.setdefault(run_id, []).append(rest)
    runs = {run_id_of(1, trace.trace_id): trace for trace in sent}

    assert stored.keys() == runs.keys()
    for run_id, trace in runs.items():
        steps = [step_id_of(run_id, span.span_id) for span in trace.spans]
        seqs, event_ids, of_steps = zip(*stored[run_id], strict=True)
        assert sorted(map(int, seqs)) == list(range(2 * len(steps))), run_id
        assert len(set(event_ids)) == len(event_ids), run_id
        assert Counter(of_steps) == dict.fromkeys(steps, 2), run_id
    spans = str(sum(len(trace.spans) for trace in sent))
    counted = "select sum(step_count), div(sum(head + 1), 2) from run where intake = 'otlp'"
    assert database.sql(counted) == f"{spans}\t{spans}"
