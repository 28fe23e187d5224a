from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import replace

import pytest
import pytest_asyncio
import zstandard
from forkpoint_server import telemetry
from forkpoint_server.settings import Limits, OtlpLimits
from google.rpc.status_pb2 import Status
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from otlp_fixtures import Intake, intake_on, publish, the_opener
from serving import Service, serving, settings_for
from stack import Database
from traces import PROTOBUF, Trace, agent_trace

pytestmark = pytest.mark.asyncio(loop_scope="module")
LIMITS = OtlpLimits(body=12_000_000, spans=50, attributes=40, steps=60)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def small(
    database: Database, tmp_path_factory: pytest.TempPathFactory
) -> AsyncGenerator[Intake]:
    """A service with low limits."""
    opener = the_opener()
    await publish(database, opener)
    settings = settings_for(
        database,
        tmp_path_factory.mktemp("small"),
        otlp=LIMITS,
        limits=replace(Limits(), in_flight=17_000_000),
    )
    async with serving(settings) as service, intake_on(service, database, opener) as made:
        yield made


async def _post(intake: Intake, body: bytes, **headers: str) -> tuple[int, str, str]:
    answer = await intake.service.client.post(
        "/v1/traces", content=body, headers={**PROTOBUF, **headers}
    )
    said = "" if answer.status_code == 200 else Status.FromString(answer.content).message
    return answer.status_code, said, answer.headers.get("retry-after", "")


async def test_413_names_limit_packed_and_unpacked(small: Intake):
    bomb = zstandard.compress(bytes(12_000_001))

    plain = await _post(small, bytes(12_000_001))
    packed = await _post(small, bomb, **{"content-encoding": "zstd"})

    assert (plain[0], packed[0]) == (413, 413)
    assert "`otlp.body` is 12000000" in plain[1]
    assert "`otlp.body` is 12000000" in packed[1]


async def test_zstd_lying_size_is_refused(small: Intake):
    body = agent_trace(steps=9).body()
    frame = bytearray(zstandard.compress(body))
    assert frame[4] & 0xE0 == 0x60  # single segment, two bytes of size (RFC 8878, 3.1.1.1)
    frame[5:7] = (100).to_bytes(2, "little")

    status, said, _ = await _post(small, bytes(frame), **{"content-encoding": "zstd"})

    assert (status, said) == (400, "the zstd body is damaged")


async def test_honest_ratio_300_is_taken(small: Intake):
    trace = Trace()
    said = "the whole conversation so far, sent again with each of its calls. " * 4_000
    for _ in range(40):
        trace.span("chat", attributes={"openinference.span.kind": "LLM", "input.value": said})
    body = trace.body()
    packed = zstandard.compress(body)
    assert len(body) > 300 * len(packed)

    status, message, _ = await _post(small, packed, **{"content-encoding": "zstd"})

    assert (status, message) == (200, "")


async def test_503_short_retry_after_for_too_many_bytes_at_once(small: Intake):
    trace = Trace()
    trace.span("large", attributes={"input.value": "x" * 9_000_000})
    body, free = trace.body(), asyncio.Event()

    async def slowly() -> AsyncGenerator[bytes]:
        yield body[:-1]
        await free.wait()
        yield body[-1:]

    first = asyncio.create_task(
        small.service.client.post("/v1/traces", content=slowly(), headers=PROTOBUF)
    )
    refused = (200, "", "")
    while refused[0] == 200:  # until the first one has arrived as far as it goes
        refused = await _post(small, body)
    free.set()

    assert (refused[0], refused[2]) == (503, "2")
    assert (await first).status_code == 200
    assert (await _post(small, body))[0] == 200


async def test_spans_over_a_limit_are_refused_alone_and_requests_and_runs_whole(small: Intake):
    wide = agent_trace(steps=1)
    wide.span("wide", attributes={f"a{n}": n for n in range(41)})
    many = agent_trace(steps=50)
    long = agent_trace(steps=45)

    accepted = await _post(small, wide.body())
    too_many = await _post(small, many.body())
    first = await _post(small, long.body())
    for _ in range(16):
        long.span("more")
    rest = await _post(small, long.body(*long.spans[46:]))

    assert (accepted[0], small.run(wide)["step_count"]) == (200, 2)
    assert (too_many[0], "`otlp.spans` is 50" in too_many[1]) == (413, True)
    assert (first[0], rest[0], "`otlp.steps` is 60" in rest[1]) == (200, 413, True)


async def test_workers_that_are_too_far_behind_stop_the_door_until_they_have_caught_up(
    fresh_database: Database, tmp_path_factory: pytest.TempPathFactory
):
    opener = the_opener()
    await publish(fresh_database, opener)
    data = tmp_path_factory.mktemp("behind")
    settings = replace(settings_for(fresh_database, data), otlp=OtlpLimits(staged=1))
    statuses: list[int] = []

    for _ in range(3):  # a new process each time: nothing is remembered of the backlog
        async with (
            serving(settings) as service,
            intake_on(service, fresh_database, opener) as made,
        ):
            statuses.append((await _post(made, agent_trace().body()))[0])
            if len(statuses) == 2:
                await made.work()

    assert statuses == [200, 503, 200]


async def test_stock_exporter_survives_503_of_a_service_without_worker(
    fresh_database: Database, tmp_path_factory: pytest.TempPathFactory
):
    settings = settings_for(fresh_database, tmp_path_factory.mktemp("late"))
    before = _refusals()
    async with serving(settings) as service:
        refused = await service.client.post(
            "/v1/traces", content=agent_trace().body(), headers=PROTOBUF
        )
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "2")

        exporting = asyncio.create_task(asyncio.to_thread(_export, service))
        while _refusals() < before + 2:
            await asyncio.sleep(0)
        await publish(fresh_database, the_opener())

        assert await exporting is SpanExportResult.SUCCESS
    assert (
        fresh_database.sql("select count(*) from step where name = 'by the stock exporter'") == "1"
    )


def _refusals() -> float:
    labels = {"route": "/v1/traces", "status": "503"}
    return telemetry.registry.get_sample_value("forkpoint_http_requests_total", labels) or 0


def _export(service: Service) -> SpanExportResult:
    kept = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(kept))
    with provider.get_tracer("tests").start_as_current_span("by the stock exporter"):
        pass
    exporter = OTLPSpanExporter(endpoint=f"{service.url}/v1/traces")
    try:
        return exporter.export(kept.get_finished_spans())
    finally:
        exporter.shutdown()
        provider.shutdown()
