"""What a project may bring in: clear refusals, and other projects never notice."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from recorded_runs import RecordedRun
from serving import Service, json_text, serving, settings_for
from stack import Database
from tenants import give_token, make_project
from traces import PROTOBUF, agent_trace

START = "mutation($record: JSON!) { startRun(input: {record: $record}) { created } }"
FINISH = "mutation($record: JSON!) { finishRun(input: {record: $record}) { missing } }"
INGEST = (
    "mutation($events: JSON!) { ingestEvents(input: {events: $events}) "
    "{ accepted rejected { index code } } }"
)


@dataclass(frozen=True)
class Tenant:
    """A project with quotas, and a token of it."""

    service: Service
    token: str

    async def start(self, run: RecordedRun) -> Any:
        return await self.service.ask(START, token=self.token, record=run.start())

    async def post(self, events: list[dict[str, object]]) -> Any:
        body = b"\n".join(json_text(event) for event in events)
        headers = {"content-type": "application/x-ndjson", **self.bearer}
        return await self.service.client.post("/v1/events", content=body, headers=headers)

    @property
    def bearer(self) -> dict[str, str]:
        return {"authorization": f"Bearer {self.token}"}


@pytest.fixture
async def service(database: Database, tmp_path: Path) -> AsyncGenerator[Service]:
    async with serving(settings_for(database, tmp_path)) as running:
        yield running


def tenant(service: Service, database: Database, project_id: int, **quotas: int) -> Tenant:
    make_project(database, project_id)
    settings = json.dumps({"quotas": quotas})
    database.sql(f"update project set settings = '{settings}' where project_id = {project_id}")
    return Tenant(service, give_token(database, project_id=project_id).text)


async def test_a_project_that_used_its_bytes_of_the_day_waits_for_midnight(
    service: Service, database: Database
):
    run, small = RecordedRun(), tenant(service, database, 21, daily_bytes=1_000)
    await small.start(run)

    first = await small.post(run.steps(3))
    second = await small.post(run.steps(1, first=3))
    spans = await service.client.post(
        "/v1/traces", content=agent_trace().body(), headers={**PROTOBUF, **small.bearer}
    )

    assert (first.status_code, second.status_code, spans.status_code) == (200, 429, 503)
    assert b"bytes of today" in spans.content
    error = second.json()["error"]
    assert (error["code"], error["quota"], error["allowed"]) == (
        "RATE_LIMITED",
        "daily_bytes",
        1_000,
    )
    assert 0 < int(second.headers["retry-after"]) <= 86_400


async def test_bytes_of_the_day_outlive_the_process(database: Database, tmp_path: Path):
    answers: list[int] = []
    run = RecordedRun()
    for _ in range(2):
        async with serving(settings_for(database, tmp_path)) as service:
            small = tenant(service, database, 22, daily_bytes=1_000)
            await small.start(run)
            answers.append((await small.post(run.steps(3))).status_code)

    assert answers == [200, 429]


async def test_one_run_too_many_waits_until_another_is_over(service: Service, database: Database):
    runs = [RecordedRun() for _ in range(3)]
    small = tenant(service, database, 23, open_runs=2)

    opened = [await small.start(run) for run in runs]
    repeated = await small.start(runs[0])
    await service.ask(FINISH, token=small.token, record=runs[0].end())
    again = await small.start(runs[2])

    assert [answer.errors == [] for answer in opened] == [True, True, False]
    assert opened[2].code == "RATE_LIMITED"
    assert opened[2].errors[0]["extensions"]["quota"] == "open_runs"
    assert (repeated.errors, again.errors) == ([], [])


async def test_an_event_over_its_size_fails_alone_and_a_batch_of_them_is_413(
    service: Service, database: Database
):
    run, small = RecordedRun(), tenant(service, database, 24, event_bytes=600)
    await small.start(run)
    large = {**run.began("r#9"), "site": "x" * 600}

    mixed = await service.ask(
        INGEST, token=small.token, events=[run.began("r#10"), large, run.ended("r#10")]
    )
    alone = await small.post([large])

    assert mixed.data["ingestEvents"]["rejected"] == [{"index": 1, "code": "event_too_large"}]
    assert (alone.status_code, alone.json()["rejected"][0]["code"]) == (413, "event_too_large")


async def test_a_project_at_twice_its_rate_is_told_to_wait_and_the_rest_stays_served(
    service: Service, database: Database
):
    fast = tenant(service, database, 25, events_per_second=1)
    calm = tenant(service, database, 26)
    run, other = RecordedRun(), RecordedRun()
    await fast.start(run)
    await calm.start(other)

    busy = [(await fast.post(run.steps(2, first=2 * n))).status_code for n in range(8)]
    fine = [(await calm.post(other.steps(2, first=2 * n))).status_code for n in range(8)]

    assert set(busy) == {200, 429}
    assert busy[:2] == [200, 200]
    assert fine == [200] * 8
