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
import resource
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from http.client import HTTPConnection
from pathlib import Path

import asyncpg
from forkpoint_server.db.engine import Database
from forkpoint_server.db.migrate import upgrade
from forkpoint_server.embedded import Embedded
from forkpoint_server.security.sealing import Opener
from forkpoint_worker.__main__ import offer_key
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

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
        with _serving(databases, Path(directory)) as (port, pid):
            figures: dict[str, float] = {}
            for name, flat in (("", True), ("genai.", False)):
                figures |= asyncio.run(_measure(databases, port, pid, name=name, flat=flat))
            figures["otlp.api_peak_mib"] = _peak_mib(pid)
            return figures


async def _offer(url: str) -> None:
    database = Database(url, pool_size=1)
    await offer_key(database, Opener(os.urandom(32)))
    await database.close()


@contextmanager
def _serving(databases: Embedded, directory: Path) -> Iterator[tuple[int, int]]:
    """The API as `forkpoint-server` runs it; (port, process id)."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {
        **{k: v for k, v in os.environ.items() if not k.startswith("FORKPOINT_")},
        "FORKPOINT_DATABASE_URL": databases.database_url(role="api"),
        "FORKPOINT_REDIS_URL": databases.redis_url,
        "FORKPOINT_DATA": str(directory),
        "FORKPOINT_PORT": str(port),
    }
    process = subprocess.Popen([sys.executable, "-m", "forkpoint_server"], env=environment)
    try:
        _wait_until_ready(port)
        yield port, process.pid
    finally:
        process.terminate()
        process.wait()


def _wait_until_ready(port: int) -> None:
    end = time.monotonic() + 30
    while time.monotonic() < end:
        try:
            connection = HTTPConnection("127.0.0.1", port, timeout=5)
            connection.request("GET", "/readyz")
            if connection.getresponse().status == 200:
                return
        except OSError:
            time.sleep(0.05)
    raise RuntimeError("the API did not become ready")


async def _measure(
    databases: Embedded, port: int, pid: int, *, name: str, flat: bool
) -> dict[str, float]:
    bodies = [request_body(flat=flat, seed=number) for number in range(REQUESTS + CONNECTIONS)]
    spans = STEPS * LOOPS_A_REQUEST
    warm, bodies = bodies[:CONNECTIONS], bodies[CONNECTIONS:]
    await _send_all(port, [[body] for body in warm])
    postgres = databases.child("postgres").process.pid
    before, stored = _cpu_s(pid), await _stored(databases)
    database_before = _family_cpu_s(postgres)
    begin = time.perf_counter()
    took = await _send_all(port, [bodies[at::CONNECTIONS] for at in range(CONNECTIONS)])
    seconds = time.perf_counter() - begin
    total = spans * len(bodies)
    assert await _stored(databases) - stored == total
    took.sort()
    return {
        f"otlp.{name}bytes_per_span": sum(map(len, bodies)) / total,
        f"otlp.{name}spans_per_s": total / seconds,
        f"otlp.{name}api_cpu_us_per_span": (_cpu_s(pid) - before) / total * 1e6,
        f"otlp.{name}postgres_cpu_us_per_span": (_family_cpu_s(postgres) - database_before)
        / total
        * 1e6,
        f"otlp.{name}answer_p50_ms": took[len(took) // 2] * 1000,
        f"otlp.{name}answer_p99_ms": took[len(took) * 99 // 100] * 1000,
    } | ({"otlp_spans_per_s": total / seconds} if not name else {})


async def _send_all(port: int, shares: Sequence[Sequence[bytes]]) -> list[float]:
    times = await asyncio.gather(*(_send(port, bodies) for bodies in shares))
    return [each for some in times for each in some]


async def _send(port: int, bodies: Sequence[bytes]) -> list[float]:
    """One connection, one request after the other; seconds of each answer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    took: list[float] = []
    for body in bodies:
        begin = time.perf_counter()
        writer.write(
            b"POST /v1/traces HTTP/1.1\r\nhost: 127.0.0.1\r\n"
            b"content-type: application/x-protobuf\r\ncontent-length: %d\r\n\r\n" % len(body)
        )
        writer.write(body)
        await writer.drain()
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200"), head
        took.append(time.perf_counter() - begin)
    writer.close()
    await writer.wait_closed()
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


def _cpu_s(pid: int) -> float:
    """User and system seconds of a process (proc(5), fields 14 and 15)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _family_cpu_s(parent: int) -> float:
    """The same of a process and its living children; (proc(5), field 4 is the parent)."""
    found = _cpu_s(parent)
    for entry in Path("/proc").iterdir():
        if not entry.name.isdecimal():
            continue
        with suppress(OSError):
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
            if int(fields[1]) == parent:
                found += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return found


def _peak_mib(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
