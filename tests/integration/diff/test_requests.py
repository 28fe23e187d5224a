"""Comparisons of runs that are too long to wait for: asked for, computed by a worker, read."""

from __future__ import annotations

import asyncio
import base64
import json
import random
import time
from array import array
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from forkpoint_cli.main import forkpoint
from forkpoint_server.artifacts.memory import MemoryBlobs
from forkpoint_server.db.engine import Database as Engine
from forkpoint_server.diff import comparisons
from forkpoint_server.live.publish import publisher_for
from forkpoint_worker.loop import Worker
from forkpoint_worker.work import Services
from integration.diff.test_comparisons import talk
from serving import Service
from stack import Database

REQUEST = """mutation($a: ID!, $b: ID!) { requestDiff(input: {a: $a, b: $b}) {
  state phase error report { verdict } } }"""
ASKED = """query($a: ID!, $b: ID!) { diffRequest(a: $a, b: $b) { state error report {
  verdict counts report firstDivergence { class sub } rows(first: 10) { totalCount nodes { class } }
  pairs { rows total class bIndex aIndex classes } } } }"""


async def work_off(database: Database) -> None:
    engine = Engine(database.url("worker"), pool_size=2)
    services = Services(
        database=engine,
        blobs=MemoryBlobs(),
        publisher=lambda project: publisher_for(None, project),
        clock=time.time_ns,
    )
    await Worker(services, owner="test", luck=random.Random(1)).work_off()
    await engine.close()


def numbers(code: str, column: str) -> list[int]:
    values: array[int] = array(code)
    values.frombytes(base64.b64decode(column))
    return list(values)


@pytest.fixture
async def runs(service: Service, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    monkeypatch.setattr(comparisons, "MOST_STEPS", 2)
    service_runs = [talk("text", "sum"), talk("another text of some length", "sums")]
    for each in service_runs:
        await each.send(service)
    return {"a": service_runs[0].run_id, "b": service_runs[1].run_id}


async def test_a_long_comparison_is_computed_by_a_worker_and_then_read_as_any_other(
    service: Service, runs: dict[str, Any], database: Database
):
    refused = await service.ask(
        "query($a: ID!, $b: ID!) { diff(a: $a, b: $b) { verdict } }", **runs
    )
    first = (await service.data(REQUEST, **runs))["requestDiff"]
    again = (await service.data(REQUEST, **runs))["requestDiff"]
    await work_off(database)

    found = (await service.data(ASKED, **runs))["diffRequest"]

    assert refused.code == "LIMIT_EXCEEDED" and first == again
    assert (first["state"], first["report"]) == ("queued", None)
    assert found["state"] == "ready" and found["report"]["verdict"] == "different"
    assert found["report"]["firstDivergence"] == {"class": "origin", "sub": "external"}
    classes = [row["class"] for row in found["report"]["rows"]["nodes"]]
    pairs = found["report"]["pairs"]
    assert [pairs["classes"][at] for at in numbers("B", pairs["class"])] == classes
    assert numbers("I", pairs["aIndex"]) == numbers("I", pairs["bIndex"]) == [0, 1, 2]
    assert found["report"]["report"]["rootCount"] == 1


async def test_asking_how_far_it_is_queues_nothing(service: Service, runs: dict[str, Any]):
    found = (await service.data(ASKED, **runs))["diffRequest"]

    assert found == {"state": "none", "error": None, "report": None}


async def test_the_command_line_waits_for_a_worker(
    service: Service, runs: dict[str, Any], database: Database, tmp_path: Path
):
    environment = {"FORKPOINT_URL": service.url, "FORKPOINT_DATA": str(tmp_path), "NO_COLOR": "1"}
    words = ["diff", runs["a"], runs["b"], "--json"]
    command = asyncio.to_thread(
        CliRunner().invoke, forkpoint, words, env=environment, standalone_mode=False
    )
    waiting = asyncio.create_task(command)
    while (await service.data(ASKED, **runs))["diffRequest"]["state"] == "none":
        await asyncio.sleep(0.05)
    await work_off(database)

    ended = await waiting

    # the worker of this process logs to the same stdout
    printed = ended.stdout[ended.stdout.index("{\n") :]
    report, _ = json.JSONDecoder().raw_decode(printed)
    assert ended.return_value == 1 and report["verdict"] == "different"
    assert "waiting for a worker" in ended.stderr
