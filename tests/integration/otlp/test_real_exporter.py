from __future__ import annotations

import asyncio
import json
import os
import re
import sys
from pathlib import Path
from typing import Any

import pytest
from otlp_fixtures import Intake
from provider import Provider

pytestmark = pytest.mark.asyncio(loop_scope="module")

GUIDE = Path(__file__).parents[3] / "docs" / "otlp.md"
PROGRAM = """
from openai import OpenAI
from openinference.instrumentation.openai import OpenAIInstrumentor
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

provider = TracerProvider()
{lines}
talk = [{{"role": "user", "content": "two lines?"}}]
OpenAI().chat.completions.create(model="gpt-5-mini", messages=talk)
provider.shutdown()
"""


def _answer(**message: Any) -> dict[str, Any]:
    finish = "tool_calls" if "tool_calls" in message else "stop"
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1_790_000_000,
        "model": "gpt-5-mini-2026-08-07",
        "choices": [
            {
                "index": 0,
                "finish_reason": finish,
                "message": {"role": "assistant", "content": None, **message},
            }
        ],
        "usage": {"prompt_tokens": 50, "completion_tokens": 9, "total_tokens": 59},
    }


def _call(number: int, name: str) -> dict[str, Any]:
    arguments = json.dumps({"day": "today"})
    return {
        "id": f"call_{number}",
        "type": "function",
        "function": {"name": name, "arguments": arguments},
    }


async def test_a_run_of_openinference_and_the_stock_exporter_arrives_complete(
    intake: Intake, provider: Provider
):
    provider.say(200, _answer(tool_calls=[_call(1, "menu"), _call(2, "hours")]))
    provider.say(200, _answer(content="Lentil soup, until 22."))
    environment = {
        **{k: v for k, v in os.environ.items() if not k.startswith(("OTEL_", "FORKPOINT_"))},
        "OPENAI_BASE_URL": provider.url,
        "OPENAI_API_KEY": "sk-test-not-a-key",
        "OTEL_EXPORTER_OTLP_ENDPOINT": intake.service.url,
        "OTEL_EXPORTER_OTLP_COMPRESSION": "gzip",
    }

    agent = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "examples.opentelemetry.agent",
        "what is on the menu?",
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    said, trouble = await agent.communicate()
    await intake.finish()

    assert said.decode().strip() == "Lentil soup, until 22.", trouble.decode()
    found = intake.rows("select * from run where name = 'restaurant-agent'")
    assert [(run["status"], run["finished"], run["plain"]) for run in found] == [
        ("ok", True, False)
    ]
    run = found[0]
    assert (run["tokens_in"], run["tokens_out"]) == (100, 18)
    steps = intake.rows(f"select * from step where run_id = '{run['run_id']}' order by seq")
    assert [(step["key"], step["kind"], step["name"]) for step in steps] == [
        ("r#0", 6, "restaurant-agent"),
        ("r#0.0", 0, "ChatCompletion"),
        ("r#0.1", 2, "menu"),
        ("r#0.2", 2, "hours"),
        ("r#0.3", 0, "ChatCompletion"),
    ]
    assert run["capabilities"]["can"] == ["verify", "graph", "single", "loop"]
    values = await intake.values_of(run["run_id"])
    print(json.dumps(values, indent=1))
    asked = values["r#0.3"]["input.messages"]
    assert [message["role"] for message in asked] == ["user", "assistant", "tool", "tool"]
    assert values["r#0.3"]["input.system"][0]["role"] == "system"
    assert [part["id"] for part in asked[1]["parts"]] == ["call_1", "call_2"]
    assert asked[1]["parts"][0]["arguments"] == {"day": "today"}
    assert asked[2]["parts"] == [
        {"type": "tool_result", "id": "call_1", "value": "today: lentil soup, bread"}
    ]
    assert values["r#0.1"]["input.args"] == {"day": "today"}
    assert values["r#0.1"]["output"] == "today: lentil soup, bread"
    assert values["r#0.3"]["output"][0]["parts"][0]["text"] == "Lentil soup, until 22."


async def test_the_two_lines_of_the_guide_are_enough_for_an_openinference_program(
    intake: Intake, provider: Provider
):
    provider.say(200, _answer(content="Two are enough."))
    guide = GUIDE.read_text()
    [address, headers] = re.findall(r"^export (OTEL_EXPORTER_\w+)=(\S+)", guide, re.MULTILINE)[:2]
    lines = re.findall(r"```python\n(.*?)```", guide, re.DOTALL)[0]
    environment = {
        **{k: v for k, v in os.environ.items() if not k.startswith(("OTEL_", "FORKPOINT_"))},
        "OPENAI_BASE_URL": provider.url,
        "OPENAI_API_KEY": "sk-test-not-a-key",
        address[0]: address[1].replace("http://127.0.0.1:4600", intake.service.url),
    }

    program = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        PROGRAM.format(lines=lines),
        env=environment,
        stderr=asyncio.subprocess.PIPE,
    )
    _, trouble = await program.communicate()
    await intake.finish()

    assert (program.returncode, trouble) == (0, b"")
    assert headers == ("OTEL_EXPORTER_OTLP_HEADERS", "Authorization=Bearer%20fp_...")
    [run] = intake.rows("select * from run where name = 'ChatCompletion' and intake = 'otlp'")
    values = await intake.values_of(run["run_id"])
    assert values["r#0"]["input.messages"][0]["parts"][0]["text"] == "two lines?"
    assert values["r#0"]["output"][0]["parts"][0]["text"] == "Two are enough."
    assert (run["tokens_in"], run["tokens_out"]) == (50, 9)
