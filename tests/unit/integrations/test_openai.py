"""The OpenAI client: recorded as it is, replayed as the library's own objects."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import forkpoint
import openai
import pytest
from forkpoint.events.kinds import Kind, Verdict
from forkpoint.events.model import StepAttempt
from forkpoint.integrations import openai as integration
from forkpoint.integrations import registry
from forkpoint.testing.memory import Recorded

from .conftest import Program, Provider, Reply

MESSAGES: Any = [
    {"role": "system", "content": "You're a helpful assistant."},
    {"role": "user", "content": "What's the weather in Seattle and San Francisco today?"},
]
TOOLS: Any = [{"type": "function", "function": {"name": "get_current_weather", "parameters": {}}}]


@pytest.fixture(autouse=True)
def instrumented() -> None:
    assert forkpoint.instrument("openai") == ("openai",)


@pytest.fixture
def client(provider: Provider) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(api_key="sk-canary-0123456789", base_url=provider.url) as made:
        yield made


def replayed(memory: Recorded, provider: Provider, program: Program) -> object:
    """What the program gives in a replay of its first run, in which nobody is asked."""
    with forkpoint.run("first"):
        first = program()
    asked = len(provider.asked)
    recording = memory.recording()
    with forkpoint.replaying(recording) as replay, forkpoint.run("second"):
        second = program()
    assert len(provider.asked) == asked
    assert replay.result is not None
    assert replay.result.verdict is Verdict.IDENTICAL
    assert second == first
    return first


def test_a_call_with_tools_is_a_model_step_with_its_parts(
    memory: Recorded, provider: Provider, client: openai.OpenAI
) -> None:
    provider.play("test_chat_completion_tool_calls_with_content")
    with forkpoint.run("r"):
        client.chat.completions.create(
            model="gpt-4o-mini", messages=MESSAGES, tools=TOOLS, tool_choice="auto", user="me"
        )

    step, ended = memory.step("r#0"), memory.ended("r#0")
    assert (step.kind, step.name, step.codec) == (Kind.MODEL, "openai.chat", "openai.chat/1")
    assert step.site == f"{__name__}:test_a_call_with_tools_is_a_model_step_with_its_parts"
    parts = {ref.role[6:]: memory.input("r#0", ref.role[6:]) for ref in step.artifacts}
    assert parts == {
        "model": {"provider": "openai", "api": "chat", "id": "gpt-4o-mini"},
        "system": MESSAGES[:1],
        "messages": MESSAGES[1:],
        "tools": TOOLS,
        "format": {"tool_choice": "auto"},
    }
    assert (ended.model, ended.finish_reason) == ("gpt-4o-mini-2024-07-18", "tool_calls")
    assert (ended.tokens_in, ended.tokens_out, ended.attempts) == (75, 51, 1)
    assert memory.output("r#0")["choices"][0]["message"]["tool_calls"][0]["type"] == "function"  # type: ignore[index,call-overload]
    assert b"sk-canary" not in memory.text()


def test_a_conversation_with_tools_replays_as_the_same_objects(
    memory: Recorded, provider: Provider, client: openai.OpenAI
) -> None:
    provider.play("test_chat_completion_tool_calls_with_content")

    def program() -> object:
        talk = list(MESSAGES)
        first = client.chat.completions.create(model="gpt-4o-mini", messages=talk, tools=TOOLS)
        talk.append(first.choices[0].message)
        for call in first.choices[0].message.tool_calls or ():
            talk.append({"role": "tool", "content": "50 degrees", "tool_call_id": call.id})
        second = client.chat.completions.create(model="gpt-4o-mini", messages=talk)
        return [(type(answer), answer.model_dump(), str(answer)) for answer in (first, second)]

    replayed(memory, provider, program)


@pytest.mark.parametrize(
    "cassette",
    [
        "test_chat_completion_multiple_tools_streaming_with_content",
        "test_chat_completion_multiple_choices_streaming",
    ],
)
def test_a_chat_stream_replays_chunk_by_chunk_from_its_assembled_text(
    memory: Recorded, provider: Provider, client: openai.OpenAI, cassette: str
) -> None:
    provider.play(cassette)

    def program() -> object:
        with client.chat.completions.create(
            model="gpt-4o-mini", messages=MESSAGES, stream=True
        ) as stream:
            return [(type(chunk), chunk.model_dump()) for chunk in stream]

    chunks: Any = replayed(memory, provider, program)

    output: Any = memory.output("r#0")
    assert output["object"] == "chat.completion"
    assert memory.ended("r#0").chunks == len(chunks)
    layout: Any = memory.value(memory.ended("r#0").artifacts, "chunks")
    assert len(layout["heads"]) < len(layout["events"]) / 2
    said = "".join(
        chunk["choices"][0]["delta"].get("content") or ""
        for _, chunk in chunks
        if chunk["choices"] and chunk["choices"][0]["index"] == 0
    )
    assert (output["choices"][0]["message"]["content"] or "") == said


def test_a_stream_of_responses_replays_event_by_event(
    memory: Recorded, provider: Provider, client: openai.OpenAI
) -> None:
    provider.play("test_responses_create_streaming_content_mode0_")

    def program() -> object:
        stream = client.responses.create(
            model="gpt-4o-mini", input="Say this is a test", stream=True
        )
        return [(type(event), event.model_dump()) for event in stream]

    replayed(memory, provider, program)

    output: Any = memory.output("r#0")
    assert output["output"][0]["content"][0]["text"] == "This is a test."
    assert memory.ended("r#0").finish_reason == "completed"
    assert memory.input("r#0", "messages") == "Say this is a test"


def test_embeddings_replay_with_the_same_numbers(
    memory: Recorded, provider: Provider, client: openai.OpenAI
) -> None:
    provider.play("test_embeddings_no_content")

    def program() -> object:
        answer = client.embeddings.create(model="text-embedding-3-small", input="This is a test")
        return answer.data[0].embedding

    assert isinstance(replayed(memory, provider, program), list)
    assert memory.step("r#0").codec == "openai.embeddings/1"


def test_a_refusal_replays_as_the_library_s_own_error(
    memory: Recorded, provider: Provider, client: openai.OpenAI
) -> None:
    provider.play("test_chat_completion_404")

    def program() -> object:
        with pytest.raises(openai.NotFoundError) as caught:
            client.chat.completions.create(model="this-model-does-not-exist", messages=MESSAGES)
        error = caught.value
        return type(error), str(error), repr(error), error.status_code, error.body

    replayed(memory, provider, program)


def test_retries_are_attempts_of_one_step_and_are_not_waited_for_again(
    memory: Recorded, provider: Provider, client: openai.OpenAI, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[object] = []
    monkeypatch.setattr(
        openai.OpenAI, "_sleep_for_retry", lambda *_, **how: waits.append(how["retries_taken"])
    )
    for status in (429, 500, 429):
        provider.say(status, {"error": {"message": "later", "type": "x", "code": None}})

    def program() -> object:
        with pytest.raises(openai.RateLimitError) as caught:
            client.chat.completions.create(model="m", messages=MESSAGES)
        return str(caught.value)

    replayed(memory, provider, program)

    tries = [event for event in memory.events if isinstance(event, StepAttempt)]
    assert [(one.number, one.http_status) for one in tries] == [(1, 429), (2, 500), (3, 429)]
    assert memory.ended("r#0").attempts == 3
    assert len(waits) == 2


def test_an_unreachable_provider_replays_as_the_same_error(
    memory: Recorded, provider: Provider
) -> None:
    client = openai.OpenAI(api_key="k", base_url="http://127.0.0.1:9/v1", max_retries=0)

    def program() -> object:
        with pytest.raises(openai.APIConnectionError) as caught:
            client.chat.completions.create(model="m", messages=MESSAGES)
        return type(caught.value), str(caught.value), repr(caught.value)

    replayed(memory, provider, program)
    client.close()


def test_a_stream_that_breaks_replays_its_chunks_and_then_the_error(
    memory: Recorded, provider: Provider, client: openai.OpenAI
) -> None:
    chunk = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    sent = [{**chunk, "choices": [{"index": 0, "delta": {"content": text}}]} for text in ("a", "b")]
    body = b"".join(b"data: %s\n\n" % json.dumps(one).encode() for one in sent)
    provider.replies.append(Reply(200, "text/event-stream", body, cut=True))

    def program() -> object:
        said: list[object] = []
        try:
            for one in client.chat.completions.create(model="m", messages=MESSAGES, stream=True):
                said.append(one.choices[0].delta.content)
        except openai.APIError as error:
            said.append((type(error).__name__, str(error)))
        return said

    said = replayed(memory, provider, program)

    assert said == ["a", "b", ("APIConnectionError", "Connection error.")]
    assert memory.ended("r#0").status == "error"


def test_a_stream_left_early_says_how_far_it_was_read(
    memory: Recorded, provider: Provider, client: openai.OpenAI
) -> None:
    provider.play("test_chat_completion_multiple_choices_streaming")

    def program() -> object:
        stream = client.chat.completions.create(model="m", messages=MESSAGES, stream=True)
        taken = [next(stream).model_dump() for _ in range(3)]
        stream.close()
        return taken

    replayed(memory, provider, program)

    ended = memory.ended("r#0")
    layout: Any = memory.value(ended.artifacts, "chunks")
    assert (ended.chunks, ended.status, layout["end"]) == (3, "ok", "closed")


def test_raw_and_streaming_responses_replay(
    memory: Recorded, provider: Provider, client: openai.OpenAI
) -> None:
    for _ in range(2):
        provider.play("test_chat_completion_tool_calls_with_content")
        provider.replies.pop()

    def program() -> object:
        raw = client.chat.completions.with_raw_response.create(model="m", messages=MESSAGES)
        with client.chat.completions.with_streaming_response.create(
            model="m", messages=MESSAGES
        ) as response:
            lazily = response.parse()
        return raw.parse().model_dump(), raw.status_code, lazily.model_dump()

    replayed(memory, provider, program)

    assert memory.output("r#0") == memory.output("r#1")


def test_the_asynchronous_client_replays_parallel_calls_and_streams(
    memory: Recorded, provider: Provider
) -> None:
    for number in range(3):
        answer = {"id": str(number), "object": "chat.completion", "created": 1, "model": "m"}
        provider.say(200, {**answer, "choices": []})
    provider.play("test_chat_completion_multiple_tools_streaming_with_content")

    async def session() -> object:
        async with openai.AsyncOpenAI(api_key="k", base_url=provider.url) as client:
            said = []
            for number in range(3):
                one = await client.chat.completions.create(model=str(number), messages=MESSAGES)
                said.append(one.model_dump())
            stream = await client.chat.completions.create(model="m", messages=MESSAGES, stream=True)
            async with stream:
                said += [chunk.model_dump() async for chunk in stream]
            return said

    replayed(memory, provider, lambda: asyncio.run(session()))


def test_another_endpoint_is_a_custom_step(
    memory: Recorded, provider: Provider, client: openai.OpenAI
) -> None:
    provider.say(200, {"id": "m", "model": "m", "results": []})

    def program() -> object:
        return client.moderations.create(input="x", model="m").model_dump()

    replayed(memory, provider, program)

    assert (memory.step("r#0").kind, memory.step("r#0").codec) == (Kind.CUSTOM, "openai.http/1")


def test_outside_a_run_the_client_works_as_ever(
    memory: Recorded, provider: Provider, client: openai.OpenAI
) -> None:
    provider.play("test_chat_completion_tool_calls_with_content")

    answer = client.chat.completions.create(model="m", messages=MESSAGES)

    assert answer.choices[0].finish_reason == "tool_calls"
    assert memory.events == []


def test_a_library_that_is_not_seen_marks_the_runs_or_refuses(
    memory: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(integration, "canary", lambda: False)
    monkeypatch.setattr("forkpoint.capture.process._blind", set())

    forkpoint.instrument("openai")
    with forkpoint.run("r"):
        pass

    assert [event.name for event in memory.events] == ["capture_blind"]  # type: ignore[union-attr]
    settings = forkpoint.Settings(fail="closed")
    monkeypatch.setattr("forkpoint.capture.process._settings", settings)
    with pytest.raises(forkpoint.CaptureError, match="openai"):
        registry.instrument("openai")


def test_a_fork_sends_the_edited_prompt_and_model_to_the_provider(
    memory: Recorded, provider: Provider, client: openai.OpenAI
) -> None:
    for text in ("one", "two"):
        message = {"role": "assistant", "content": text}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        answer = {"id": "c", "object": "chat.completion", "created": 1, "model": "m"}
        provider.say(200, {**answer, "choices": [choice]})
    live = {
        "policy": "forkpoint.policy/1",
        "default": {"mode": "live"},
        "allow_live": {"hosts": ["127.0.0.1"]},
        "budgets": {"calls": 9, "tokens": 9999, "cost_usd": 9, "wall_s": 60},
    }
    edits = [{"kind": "prompt", "value": "Be terse."}, {"kind": "model", "value": "large"}]
    fork = {"session": "s", "kind": "fork", "cut": {"key": "r#0"}, "policy": live, "edits": edits}

    def program() -> str | None:
        with forkpoint.run("r"):
            answer = client.chat.completions.create(
                model="small", messages=MESSAGES, tools=TOOLS, temperature=0
            )
        return answer.choices[0].message.content

    assert program() == "one"
    with forkpoint.replaying(memory.recording(), fork) as replay:
        assert program() == "two"

    before, after = provider.asked
    system = {"role": "system", "content": "Be terse."}
    assert after == {**before, "model": "large", "messages": [system, *MESSAGES[1:]]}
    assert replay.result is not None
    assert replay.result.verdict is Verdict.FORKED
