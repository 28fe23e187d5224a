"""A trace of OpenTelemetry is a run like any other in the cockpit."""

from __future__ import annotations

import httpx2
import pytest
from e2e.cockpit.conftest import Desk
from forkpoint_server.ingestion.otlp.identity import run_id_of
from playwright.sync_api import expect
from traces import PROTOBUF, agent_trace

READ = "query($id: ID!) { run(id: $id) { tokensIn } }"


@pytest.fixture(scope="module")
def traced(server: str) -> str:
    """The address of a run that came as a trace, when a worker has read it."""
    trace = agent_trace(steps=2)
    run_id = run_id_of(1, trace.trace_id)
    with httpx2.Client(base_url=server, timeout=30) as client:
        while client.post("/v1/traces", content=trace.body(), headers=PROTOBUF).status_code != 200:
            continue  # the worker of the stack has not offered its key yet
        tokens = None
        while tokens is None:
            answer = client.post("/graphql", json={"query": READ, "variables": {"id": run_id}})
            tokens = answer.json()["data"]["run"]["tokensIn"]
    return f"{server}/runs/{run_id}"


def test_spans_are_steps_with_their_messages(desk: Desk, traced: str):
    with desk.page(f"{traced}/steps/1?tab=messages") as page:
        expect(page.get_by_text("derived order")).to_be_visible()
        expect(page.get_by_text("ChatCompletion").first).to_be_visible()
        expect(page.get_by_text("question 0")).to_be_visible()


def test_the_answer_of_a_span_is_shown_as_a_message(desk: Desk, traced: str):
    with desk.page(f"{traced}/steps/3") as page:
        expect(page.get_by_text("answer 1")).to_be_visible()
        expect(page.get_by_text("10 in, 3 out")).to_be_visible()
