from __future__ import annotations

import sys
from collections.abc import Iterator

import forkpoint
import pytest
from forkpoint.capture import tracing
from forkpoint.events.model import OtelLink
from forkpoint.testing.memory import Recorded, recorded
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import Tracer, format_span_id, format_trace_id

GIVEN = "00-" + "ab" * 16 + "-" + "cd" * 8 + "-01"
LINK = OtelLink(trace_id="ab" * 16, span_id="cd" * 8)


@pytest.fixture
def memory() -> Iterator[Recorded]:
    with recorded() as kept:
        yield kept


@pytest.fixture
def tracer() -> Iterator[Tracer]:
    provider = TracerProvider()
    yield provider.get_tracer("tests")
    provider.shutdown()


@forkpoint.tool
def double(number: int) -> int:
    return 2 * number


def test_a_run_knows_the_span_around_it_and_the_span_knows_the_run(
    memory: Recorded, tracer: Tracer
):
    with tracer.start_as_current_span("request") as span, forkpoint.run("agent") as run:
        double(2)
    attributes = span.attributes  # type: ignore[attr-defined]
    context = span.get_span_context()

    assert attributes["forkpoint.run.id"] == run.id
    assert attributes["forkpoint.url"].endswith(f"/runs/{run.id}")
    assert attributes["forkpoint.step.key"] == "r#0"
    assert memory.run.otel == OtelLink(
        trace_id=format_trace_id(context.trace_id), span_id=format_span_id(context.span_id)
    )


def test_what_is_given_beats_the_current_span(memory: Recorded, tracer: Tracer):
    with tracer.start_as_current_span("request"), forkpoint.run("agent", traceparent=GIVEN):
        pass

    assert memory.run.otel == LINK


def test_the_environment_names_the_trace_where_no_span_is_current():
    assert tracing.found_link(None, {"TRACEPARENT": GIVEN}) == LINK
    assert tracing.found_link(None, {}) is None


@pytest.mark.parametrize("text", ["", "00-zz-1-01", "00-" + "0" * 32 + "-" + "cd" * 8 + "-01"])
def test_a_traceparent_that_names_nothing_is_no_link(text: str):
    assert tracing.read_traceparent(text) is None


def test_a_process_without_opentelemetry_is_left_alone(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delitem(sys.modules, "opentelemetry.trace")

    assert tracing.found_link(None, {}) is None
    assert not tracing.mark_run("run", "http://127.0.0.1:4600")
