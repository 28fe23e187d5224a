"""Capture: what a decorated call costs the thread of its host, and what the whole of it costs.

The agent loop is the honest case: a talk of about 10 KB that grows by one message a call, so each
call's snapshot is new. What the caller waits for is measured whole, the function itself included,
beside the bare OpenTelemetry span of the same call in the same run. `spaced`: half a millisecond
passes between two calls, as where a model answers: the background works, and caches turn cold.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from time import perf_counter_ns, process_time_ns, sleep, thread_time_ns

import forkpoint
from forkpoint.capture import process
from forkpoint.content import snapshot
from forkpoint.settings import Settings
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

CALLS = 1_000
ROUNDS = 4
"""Each way of a call is measured in turn, so that all see the same weather."""
TALK = 20
"""Messages of 500 bytes in the talk: 10 KB."""
GAP_S = 0.0005

Talk = list[dict[str, str]]


@forkpoint.model
def ask(messages: Talk) -> dict[str, object]:
    return bare(messages)


@forkpoint.tool(effect="pure")
def small(number: int) -> int:
    return number


def bare(messages: Talk) -> dict[str, object]:
    return {"role": "assistant", "content": "y" * 400, "usage": {"in": len(messages)}}


def run() -> dict[str, float]:
    return host_figures() | whole_figures() | {"capture.import_ms": import_ms()}


def host_figures() -> dict[str, float]:
    """Medians of what the caller waits for, in microseconds."""
    ways: dict[str, Callable[[Talk], object]] = {
        "capture": ask,
        "snapshot": snapshot,
        "bare_call": bare,
    }
    figures: dict[str, float] = {}
    with ExitStack() as opened:
        opened.enter_context(spooling())
        provider = TracerProvider()
        provider.add_span_processor(BatchSpanProcessor(Nowhere()))
        opened.callback(provider.shutdown)
        ways["otel_span"] = spanned(provider)
        for suffix, gap in (("", 0.0), ("_spaced", GAP_S)):
            waited: dict[str, list[int]] = {name: [] for name in ways}
            for _ in range(ROUNDS):
                for name, way in ways.items():
                    waited[name] += waits(way, gap)
            figures |= {f"{name}{suffix}_p50_us": median(of) / 1e3 for name, of in waited.items()}
            figures[f"capture{suffix}_p99_us"] = (
                sorted(waited["capture"])[-CALLS * ROUNDS // 100] / 1e3
            )
    return figures


def waits(way: Callable[[Talk], object], gap: float) -> list[int]:
    """Nanoseconds of each call of a loop; what it left behind is written before this ends."""
    talk = [{"role": "user", "content": f"{number} " + "x" * 460} for number in range(TALK)]
    found: list[int] = []
    with forkpoint.run("bench"):
        for number in range(CALLS):
            talk = [*talk[1:], {"role": "tool", "content": f"{number} " + "x" * 460}]
            before = perf_counter_ns()
            way(talk)
            found.append(perf_counter_ns() - before)
            if gap:
                sleep(gap)
    forkpoint.flush(60)
    return found


def whole_figures() -> dict[str, float]:
    """CPU of the process for a call, the background included, and of the caller for a small one."""
    with spooling():
        cpu = process_time_ns()
        waits(ask, 0.0)
        whole = (process_time_ns() - cpu) / CALLS
        with forkpoint.run("bench"):
            host = [thread_time(lambda: small(1)) for _ in range(CALLS)]
        forkpoint.flush(60)
        lost = forkpoint.stats().get("events_lost", 0)
    return {
        "capture.cpu_us_10kb_all_threads": whole / 1e3,
        "capture.host_us_small_p50": median(host) / 1e3,
        "capture.events_lost": float(lost),
    }


class spooling(ExitStack):
    """A recorder that writes to a folder and sends nothing."""

    def __enter__(self) -> spooling:
        folder = Path(self.enter_context(tempfile.TemporaryDirectory()))
        self.enter_context(process.configured(Settings(data=folder, spool=folder / "spool")))
        return self


def spanned(provider: TracerProvider) -> Callable[[Talk], object]:
    """The peer: a bare OpenTelemetry span that carries the same messages as JSON."""
    tracer = provider.get_tracer("bench")

    def span(messages: Talk) -> object:
        with tracer.start_as_current_span("chat") as current:
            current.set_attribute("gen_ai.input.messages", json.dumps(messages))
            answer = bare(messages)
            current.set_attribute("gen_ai.output.messages", json.dumps(answer))
            return answer

    return span


def thread_time(action: Callable[[], object]) -> int:
    before = thread_time_ns()
    action()
    return thread_time_ns() - before


def import_ms() -> float:
    """Milliseconds `import forkpoint` adds to the start of an interpreter."""
    return median(wall("import forkpoint") - wall("pass") for _ in range(15)) / 1e6


def wall(program: str) -> int:
    before = perf_counter_ns()
    subprocess.run([sys.executable, "-c", program], check=True)
    return perf_counter_ns() - before


class Nowhere(SpanExporter):
    """Takes spans and keeps none."""

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        del spans
        return SpanExportResult.SUCCESS
