"""Native bulk ingest through POST /v1/events against raw COPY of the very same rows.

The API runs in a process of its own on a durable Postgres (`fsync`, `synchronous_commit` on, for
both sides); two connections send NDJSON that was made beforehand. The floor: the rows that came of
it in all four tables it fills (events, steps, artifacts, blocks) are read back and written again by
COPY into the same tables, with the same indexes, under other run ids, by the superuser on one
connection, in one transaction: no checks, no tenancy, no counters. Rounds of both take turns;
medians are kept. Besides: many connections that send small batches at the same time, as recorders
do, with the time of an acknowledgement.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import tempfile
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg
import orjson
from forkpoint.content import digest_text, encode
from forkpoint.events import ids
from forkpoint.events.kinds import Kind
from forkpoint.events.model import ArtifactRef, RunStart, StepEnded, StepStarted
from forkpoint.events.wire import encode as encode_event
from forkpoint.events.wire import to_builtins
from forkpoint_server.db.engine import Database
from forkpoint_server.db.migrate import upgrade
from forkpoint_server.embedded import Embedded
from forkpoint_server.ingestion.runs import start_run
from forkpoint_server.security.principals import loopback_principal

from benchmarks.served import Api, post_all, serving

ROUNDS = int(os.environ.get("FORKPOINT_BENCH_INGEST_ROUNDS", "5"))
RUNS = 20
STEPS = 500
TALK = 40
"""Messages after which the conversation of a run begins anew."""
CONNECTIONS = 2
BATCHES = {"": 5_000, "sdk.": 500}
"""Events of a request: of an import, and of the recorder's own sender."""
SENDERS, SMALL_BATCHES, SMALL_STEPS = 32, 20, 5
"""Connections that send small batches, batches of each, and steps (two events) of a batch."""
TABLES = ("event", "step", "artifact", "block")
_OTHER_PROJECT = 2


@dataclass(slots=True)
class Load:
    """What one round sends: each run is one connection's."""

    starts: list[dict[str, object]] = field(default_factory=list[dict[str, object]])
    shares: list[list[bytes]] = field(default_factory=lambda: [[] for _ in range(CONNECTIONS)])


def run() -> dict[str, float]:
    """Events a second, their ratio to COPY, CPU and memory of the API, time of an answer."""
    with tempfile.TemporaryDirectory() as directory, Embedded(Path(directory)) as databases:
        upgrade(databases.database_url(role="owner"))
        with serving(databases, Path(directory)) as api:
            figures: dict[str, float] = {}
            for name, size in BATCHES.items():
                figures |= asyncio.run(_measure(databases, api, name=name, size=size))
            figures |= asyncio.run(_measure_small(databases, api))
            return figures | {"ingest.api_peak_mib": api.peak_mib()}


async def _measure(databases: Embedded, api: Api, *, name: str, size: int) -> dict[str, float]:
    events = RUNS * STEPS * 2
    admin = await asyncpg.connect(databases.database_url(role="admin").replace("+asyncpg", ""))
    database = Database(databases.database_url(role="api"))
    await _ingest(api, database, make_load(f"warm {name}", size=size, runs=2))
    rates, floors, waits, cpu = [], [], [], 0.0
    for number in range(ROUNDS):
        load = make_load(f"{name} {number}", size=size)
        before = api.cpu_s()
        seconds, took = await _ingest(api, database, load)
        cpu += api.cpu_s() - before
        rates.append(events / seconds)
        waits += took
        floors.append(events / await _copy(admin, [str(start["run_id"]) for start in load.starts]))
    await database.close()
    await admin.close()
    waits.sort()
    rate, floor = statistics.median(rates), statistics.median(floors)
    figures = {
        f"ingest.{name}copy.events_per_s": floor,
        f"ingest.{name}events_per_s": rate,
        f"ingest.{name}copy_ratio": rate / floor,
        f"ingest.{name}api_cpu_us_per_event": cpu / events / ROUNDS * 1e6,
        f"ingest.{name}answer_p50_ms": waits[len(waits) // 2] * 1000,
        f"ingest.{name}answer_p99_ms": waits[len(waits) * 99 // 100] * 1000,
    }
    return figures | ({} if name else {"copy_ratio": rate / floor, "bulk_events_per_s": rate})


async def _measure_small(databases: Embedded, api: Api) -> dict[str, float]:
    """Each connection has a run of its own and sends batch after batch."""
    database = Database(databases.database_url(role="api"))
    shares: list[list[bytes]] = []
    for number in range(SENDERS):
        record = RunStart(run_id=str(uuid.uuid4()), name="bench", started_ns=1, ruleset_id="0" * 16)
        await start_run(database, loopback_principal(), to_builtins(record))
        shares.append(
            [
                b"\n".join(_lines(record.run_id, f"small {number}", range(at, at + SMALL_STEPS)))
                for at in range(0, SMALL_BATCHES * SMALL_STEPS, SMALL_STEPS)
            ]
        )
    await database.close()
    before, begin = api.cpu_s(), time.perf_counter()
    took, answers = await post_all(
        api.port, "/v1/events", shares, media_type="application/x-ndjson"
    )
    seconds = time.perf_counter() - begin
    return {
        "ingest.small.requests_per_s": len(answers) / seconds,
        "ingest.small.api_cpu_us_per_request": (api.cpu_s() - before) / len(answers) * 1e6,
        "ingest.small.answer_p50_ms": took[len(took) // 2] * 1000,
        "ingest.small.answer_p99_ms": took[len(took) * 99 // 100] * 1000,
    }


async def _ingest(api: Api, database: Database, load: Load) -> tuple[float, list[float]]:
    principal = loopback_principal()
    for start in load.starts:
        await start_run(database, principal, start)
    begin = time.perf_counter()
    took, answers = await post_all(
        api.port, "/v1/events", load.shares, media_type="application/x-ndjson"
    )
    seconds = time.perf_counter() - begin
    accepted = sum(orjson.loads(answer)["accepted"] for answer in answers)
    assert accepted == len(load.starts) * STEPS * 2, accepted
    return seconds, took


async def _copy(admin: Any, run_ids: Sequence[str]) -> float:
    """Seconds of COPY for all rows of these runs, under new run ids and another project."""
    rows = {table: await _rows(admin, table, run_ids) for table in TABLES}
    begin = time.perf_counter()
    async with admin.transaction():
        for table, (columns, records) in rows.items():
            await admin.copy_records_to_table(table, records=records, columns=columns)
    seconds = time.perf_counter() - begin
    await admin.execute("delete from block")
    return seconds


async def _rows(admin: Any, table: str, run_ids: Sequence[str]) -> tuple[list[str], list[Any]]:
    found = await admin.fetch(
        "select * from block where project_id = 1"
        if table == "block"
        else f"select * from {table} where run_id = any ($1::uuid[])",
        *([] if table == "block" else [list(run_ids)]),
    )
    new = {run_id: uuid.uuid5(uuid.NAMESPACE_URL, run_id) for run_id in run_ids}
    columns = list(found[0].keys())
    records: list[Any] = []
    for row in found:
        values = dict(row)
        values["project_id"] = _OTHER_PROJECT
        if "run_id" in values:
            values["run_id"] = new[str(values["run_id"])]
        records.append(tuple(values.values()))
    return columns, records


def make_load(seed: str, *, size: int, runs: int = RUNS) -> Load:
    """Runs of model calls with their conversations, as lines of NDJSON."""
    load = Load()
    pieces: list[list[bytes]] = [[] for _ in range(CONNECTIONS)]
    for number in range(runs):
        record = RunStart(run_id=str(uuid.uuid4()), name="bench", started_ns=1, ruleset_id="0" * 16)
        load.starts.append(to_builtins(record))
        piece = min(size // 2, STEPS)
        for begin in range(0, STEPS, piece):
            steps = range(begin, min(begin + piece, STEPS))
            pieces[number % CONNECTIONS] += _lines(record.run_id, f"{seed} {number}", steps)
            if number // CONNECTIONS % max(1, size // 2 // STEPS) == 0:
                load.shares[number % CONNECTIONS].append(b"\n".join(pieces[number % CONNECTIONS]))
                pieces[number % CONNECTIONS].clear()
    for share, rest in zip(load.shares, pieces, strict=True):
        share += [b"\n".join(rest)] if rest else []
    return load


def _lines(run_id: str, seed: str, steps: range) -> list[bytes]:
    blocks: dict[bytes, bytes] = {}
    lines: list[bytes] = []
    for n in steps:
        talk = [
            {"role": "user" if m % 2 else "assistant", "content": f"{seed} {m} " + "word " * 12}
            for m in range(n - n % TALK, n + 1)
        ]
        asked = encode(talk, blocks.__setitem__)
        answer = encode({"text": f"{seed} answer {n}", "finish": "stop"}, blocks.__setitem__)
        lines += [encode_event(event) for event in _step(run_id, n, asked, answer)]
    return [*(orjson.dumps({"block": body.decode()}) for body in blocks.values()), *lines]


def _step(run_id: str, n: int, asked: bytes, answer: bytes) -> tuple[StepStarted, StepEnded]:
    step = ids.step_id(ids.RunId(run_id), 0, f"r#{n}")
    asked_ref = ArtifactRef(role="input.messages", root=digest_text(asked), size=900)
    started = StepStarted(
        run_id=run_id,
        sequence_no=2 * n,
        time_ns=n * 1000,
        step_id=step,
        kind=Kind.MODEL,
        name="chat",
        key=f"r#{n}",
        site="agent:Agent.step",
        model="large-1",
        signature=digest_text(asked),
        artifacts=(asked_ref,),
    )
    ended = StepEnded(
        run_id=run_id,
        sequence_no=2 * n + 1,
        time_ns=n * 1000 + 500,
        step_id=step,
        status="ok",
        tokens_in=900,
        tokens_out=80,
        cost_micro_usd=1200,
        finish_reason="stop",
        artifacts=(ArtifactRef(role="output", root=digest_text(answer), size=60),),
    )
    return started, ended
