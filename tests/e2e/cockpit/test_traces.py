"""A trace of OpenTelemetry is a run like any other in the cockpit."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import httpx2
import pytest
from e2e.cockpit.conftest import Desk
from forkpoint_server.ingestion.otlp.identity import run_id_of
from playwright.sync_api import Page, expect
from provider import Provider, provider
from traces import PROTOBUF, agent_trace

__all__ = ["provider"]
READ = "query($id: ID!) { run(id: $id) { tokensIn } }"
FIND = """query($f: RunFilter) { runs(first: 1, filter: $f) { nodes {
    id tokensIn steps(first: 9) { nodes { sequence name } } } } }"""


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


def _answer(**message: Any) -> dict[str, Any]:
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1_790_000_000,
        "model": "gpt-5-mini-2026-08-07",
        "choices": [
            {
                "index": 0,
                "finish_reason": "tool_calls" if "tool_calls" in message else "stop",
                "message": {"role": "assistant", "content": None, **message},
            }
        ],
        "usage": {"prompt_tokens": 50, "completion_tokens": 9, "total_tokens": 59},
    }


@pytest.fixture
def exported(server: str, provider: Provider) -> tuple[str, dict[str, str]]:
    """An agent under openinference-instrumentation-openai, sent by the stock exporter: the address
    of its run, and its step numbers by name; of two steps of a name the last."""
    function = {"name": "menu", "arguments": json.dumps({"day": "today"})}
    provider.say(200, _answer(tool_calls=[{"id": "c1", "type": "function", "function": function}]))
    provider.say(200, _answer(content="Lentil soup, and bread with it."))
    environment = {
        **{k: v for k, v in os.environ.items() if not k.startswith(("OTEL_", "FORKPOINT_"))},
        "OPENAI_BASE_URL": provider.url,
        "OPENAI_API_KEY": "sk-test-not-a-key",
        "OTEL_EXPORTER_OTLP_ENDPOINT": server,
    }
    done = subprocess.run(
        [sys.executable, "-m", "examples.opentelemetry.agent", "what is cooked today?"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.stdout.strip() == "Lentil soup, and bread with it.", done.stderr
    asked = {"query": FIND, "variables": {"f": {"name": "restaurant-agent"}}}
    found: Any = None
    with httpx2.Client(base_url=server, timeout=30) as client:
        while found is None or found["tokensIn"] is None or len(found["steps"]["nodes"]) < 4:
            nodes = client.post("/graphql", json=asked).json()["data"]["runs"]["nodes"]
            found = nodes[0] if nodes else None
    numbers = {step["name"]: step["sequence"] for step in found["steps"]["nodes"]}
    return f"{server}/runs/{found['id']}", numbers


def test_a_run_of_real_exporters_is_shown_with_messages_tool_call_and_tokens(
    desk: Desk, exported: tuple[str, dict[str, str]]
):
    address, numbers = exported
    model, tool = numbers["ChatCompletion"], numbers["menu"]
    for dark in (False, True):
        with desk.page(f"{address}/steps/{model}?tab=messages", dark=dark) as page:
            page.get_by_role("button", name="1 unchanged since").click()
            _shows(page, "restaurant-agent", "what is cooked today?", "today: lentil soup, bread")
    with desk.page(f"{address}/steps/{model}") as page:
        _shows(page, "50 in, 9 out", "gpt-5-mini", "Lentil soup, and bread with it.")
    with desk.page(f"{address}/steps/{tool}") as page:
        _shows(page, "today: lentil soup, bread")
        page.get_by_role("link", name="asked for by").click()
        _shows(page, "50 in, 9 out", "menu answers in")


def _shows(page: Page, *texts: str) -> None:
    for text in texts:
        expect(page.get_by_text(text).first).to_be_visible()

