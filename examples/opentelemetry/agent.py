"""A small agent under OpenInference's instrumentation: what it does arrives in Forkpoint as a run.

    export OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4600
    python -m examples.opentelemetry.agent "what is on the menu, and is it open?"

Nothing here imports Forkpoint. The model is whatever `OPENAI_BASE_URL` names.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable

from openai import OpenAI
from openai.types.chat import ChatCompletionMessageFunctionToolCall, ChatCompletionMessageParam
from openinference.instrumentation.openai import OpenAIInstrumentor

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

SYSTEM = "You help guests of a small restaurant. Use the tools."
MODEL = "gpt-5-mini"


def menu(day: str) -> str:
    """What is cooked on a day."""
    return f"{day}: lentil soup, bread"


def hours(day: str) -> str:
    """When it is open."""
    return f"{day}: 12 to 22"


TOOLS: dict[str, Callable[[str], str]] = {"menu": menu, "hours": hours}


def main(question: str) -> str:
    """Answer one question, traced from beginning to end."""
    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    instrumentor = OpenAIInstrumentor()
    instrumentor.instrument(tracer_provider=provider)
    tracer = provider.get_tracer("restaurant")
    with tracer.start_as_current_span("restaurant-agent") as root:
        root.set_attribute("openinference.span.kind", "AGENT")
        root.set_attribute("input.value", question)
        answer = converse(OpenAI(), tracer, question)
        root.set_attribute("output.value", answer)
    provider.shutdown()
    return answer


def converse(client: OpenAI, tracer: trace.Tracer, question: str) -> str:
    """Ask the model until it answers, doing what it asks for."""
    talk: list[ChatCompletionMessageParam] = [
        {"role": "system", "content": SYSTEM},
        {"role": "user", "content": question},
    ]
    while True:
        answer = client.chat.completions.create(model=MODEL, messages=talk, temperature=0)
        said = answer.choices[0].message
        calls = [
            call
            for call in said.tool_calls or []
            if isinstance(call, ChatCompletionMessageFunctionToolCall)
        ]
        if not calls:
            return said.content or ""
        talk.append(
            {
                "role": "assistant",
                "tool_calls": [
                    {
                        "id": call.id,
                        "type": "function",
                        "function": {
                            "name": call.function.name,
                            "arguments": call.function.arguments,
                        },
                    }
                    for call in calls
                ],
            }
        )
        for call in calls:
            result = run_tool(tracer, call)
            talk.append({"role": "tool", "tool_call_id": call.id, "content": result})


def run_tool(tracer: trace.Tracer, call: ChatCompletionMessageFunctionToolCall) -> str:
    """One tool call, as a span of its own."""
    with tracer.start_as_current_span(f"execute_tool {call.function.name}") as span:
        span.set_attribute("gen_ai.operation.name", "execute_tool")
        span.set_attribute("gen_ai.tool.name", call.function.name)
        span.set_attribute("gen_ai.tool.call.id", call.id)
        span.set_attribute("gen_ai.tool.call.arguments", call.function.arguments)
        result = TOOLS[call.function.name](json.loads(call.function.arguments)["day"])
        span.set_attribute("gen_ai.tool.call.result", result)
        return result


if __name__ == "__main__":
    print(main(" ".join(sys.argv[1:]) or "What is on the menu today?"))
