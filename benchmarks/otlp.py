"""OTLP intake: durable spans a second, two connections, 40-step agent loops with full history.

Everything on this machine: the exporters' side (bodies made beforehand), the API in a process of
its own as it is served, and Postgres with fsync. A span is about 12 KB: its whole conversation so
far, as OpenInference and as OpenTelemetry's own conventions write it.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import asyncpg
from forkpoint_server.db.engine import Database
from forkpoint_server.db.migrate import upgrade
from forkpoint_server.embedded import Embedded
from forkpoint_server.security.sealing import Opener
from forkpoint_worker.__main__ import offer_key
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from benchmarks.served import Api, cpu_s, post_all, serving

STEPS = 40
LOOPS_A_REQUEST = 12
"""480 spans: about the stock exporter's batch of 512."""
REQUESTS = int(os.environ.get("FORKPOINT_BENCH_OTLP_REQUESTS", "40"))
CONNECTIONS = 2
SECOND = 10**9


def run() -> dict[str, float]:
    """Spans a second, CPU of the API for each, its memory, and the time of an answer."""
    with tempfile.TemporaryDirectory() as directory, Embedded(Path(directory)) as databases:
        upgrade(databases.database_url(role="owner"))
        asyncio.run(_offer(databases.database_url(role="worker")))
        with serving(databases, Path(directory)) as api:
            figures: dict[str, float] = {}
            for name, flat in (("", True), ("genai.", False)):
                figures |= asyncio.run(_measure(databases, api, name=name, flat=flat))
            figures["otlp.api_peak_mib"] = api.peak_mib()
            return figures


async def _offer(url: str) -> None:
    database = Database(url, pool_size=1)
    await offer_key(database, Opener(os.urandom(32)))
    await database.close()


async def _measure(databases: Embedded, api: Api, *, name: str, flat: bool) -> dict[str, float]:
    bodies = [request_body(flat=flat, seed=number) for number in range(REQUESTS + CONNECTIONS)]
    spans = STEPS * LOOPS_A_REQUEST
    warm, bodies = bodies[:CONNECTIONS], bodies[CONNECTIONS:]
    await _send(api, [[body] for body in warm])
    postgres = databases.child("postgres").process.pid
    before, stored = api.cpu_s(), await _stored(databases)
    database_before = _family_cpu_s(postgres)
    begin = time.perf_counter()
    took = await _send(api, [bodies[at::CONNECTIONS] for at in range(CONNECTIONS)])
    seconds = time.perf_counter() - begin
    total = spans * len(bodies)
    assert await _stored(databases) - stored == total
    return {
        f"otlp.{name}bytes_per_span": sum(map(len, bodies)) / total,
        f"otlp.{name}spans_per_s": total / seconds,
        f"otlp.{name}api_cpu_us_per_span": (api.cpu_s() - before) / total * 1e6,
        f"otlp.{name}postgres_cpu_us_per_span": (_family_cpu_s(postgres) - database_before)
        / total
        * 1e6,
        f"otlp.{name}answer_p50_ms": took[len(took) // 2] * 1000,
        f"otlp.{name}answer_p99_ms": took[len(took) * 99 // 100] * 1000,
    } | ({"otlp_spans_per_s": total / seconds} if not name else {})


async def _send(api: Api, shares: Sequence[Sequence[bytes]]) -> list[float]:
    """Seconds of each answer, sorted."""
    took, _ = await post_all(api.port, "/v1/traces", shares, media_type="application/x-protobuf")
    return took


async def _stored(databases: Embedded) -> int:
    connection = await asyncpg.connect(databases.database_url(role="admin").replace("+asyncpg", ""))
    try:
        return await connection.fetchval("select count(*) from step")
    finally:
        await connection.close()


def request_body(*, flat: bool, seed: int) -> bytes:
    """Some agent loops as one export request."""
    chance = random.Random(f"{flat} {seed}")
    request = ExportTraceServiceRequest()
    group = request.resource_spans.add()
    service = group.resource.attributes.add(key="service.name")
    service.value.string_value = "bench"
    scope = group.scope_spans.add()
    scope.scope.name = "bench"
    for _ in range(LOOPS_A_REQUEST):
        _add_loop(scope.spans, chance, flat=flat)
    return request.SerializeToString()


def _add_loop(spans: object, chance: random.Random, *, flat: bool) -> None:
    trace_id, root = chance.randbytes(16), b""
    talk: list[tuple[str, str]] = []
    at = 1_790_000_000 * SECOND
    for step in range(STEPS):
        talk.append(("assistant" if step % 2 else "user", _text(chance, 560)))
        span = spans.add(  # type: ignore[attr-defined]
            trace_id=trace_id,
            span_id=chance.randbytes(8),
            parent_span_id=root,
            name="ChatCompletion",
            start_time_unix_nano=at,
            end_time_unix_nano=at + SECOND,
        )
        root, at = root or span.span_id, at + SECOND
        for key, value in (_flat(talk) if flat else _whole(talk)).items():
            pair = span.attributes.add(key=key)
            if isinstance(value, int):
                pair.value.int_value = value
            else:
                pair.value.string_value = value


def _flat(talk: Sequence[tuple[str, str]]) -> dict[str, str | int]:
    values: dict[str, str | int] = {"openinference.span.kind": "LLM", "llm.model_name": "large"}
    for number, (role, text) in enumerate(talk):
        values[f"llm.input_messages.{number}.message.role"] = role
        values[f"llm.input_messages.{number}.message.content"] = text
    return {**values, "llm.token_count.prompt": 3000, "llm.token_count.completion": 150}


def _whole(talk: Sequence[tuple[str, str]]) -> dict[str, str | int]:
    messages = [{"role": role, "parts": [{"type": "text", "content": text}]} for role, text in talk]
    return {
        "gen_ai.operation.name": "chat",
        "gen_ai.request.model": "large",
        "gen_ai.input.messages": json.dumps(messages),
        "gen_ai.usage.input_tokens": 3000,
        "gen_ai.usage.output_tokens": 150,
    }


def _text(chance: random.Random, size: int) -> str:
    return " ".join(f"{chance.getrandbits(32):x}" for _ in range(size // 9))


def _family_cpu_s(parent: int) -> float:
    """CPU of a process and its living children (proc(5), field 4 is the parent)."""
    found = cpu_s(parent)
    for entry in Path("/proc").iterdir():
        if not entry.name.isdecimal():
            continue
        with suppress(OSError):
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
            if int(fields[1]) == parent:
                found += cpu_s(int(entry.name))
    return found
