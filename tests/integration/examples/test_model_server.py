"""The local endpoint answers the `openai` client as the recorded models did."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

import openai
import pytest

from examples.agentdojo.continuation import reply_to
from examples.agentdojo.model_server import make_app, serving
from examples.agentdojo.recordings import executable, load, names, same_task
from examples.agentdojo.streaming import assemble

ATTACKED = (
    "gpt-4o-mini-2024-07-18-progent/banking/user_task_13/important_instructions/injection_task_4"
)
CLEAN = "gpt-4o-mini-2024-07-18-progent/banking/user_task_13/none/none"
TOKEN = "rx1_IBAN_abcdefghijklmnop_ab"


@pytest.fixture(scope="module")
def client() -> Iterator[openai.OpenAI]:
    with (
        serving(make_app()) as url,
        openai.OpenAI(base_url=url, api_key="local", max_retries=0) as client,
    ):
        yield client


def ask(client: openai.OpenAI, messages: object, **more: Any) -> Any:
    create = cast("Any", client.chat.completions.create)
    return create(model=ATTACKED, messages=messages, **more)


def test_every_recorded_answer_follows_its_own_conversation():
    for name in names():
        run = load(name)
        for index, message in enumerate(run.chat):
            if message["role"] == "assistant":
                reply = reply_to(run.chat[:index], named=run, others=())
                assert reply is not None
                assert (reply.run.name, reply.index, reply.how) == (name, index, "recorded")


def test_there_are_74_runs_whose_tools_can_be_executed():
    assert (len(names()), len(executable())) == (134, 74)


def test_the_answer_is_the_recorded_one_and_equal_each_time(client: openai.OpenAI):
    run = load(ATTACKED)
    first, second = ask(client, run.chat[:4]), ask(client, run.chat[:4])

    assert first == second
    assert [call.function.name for call in first.choices[0].message.tool_calls] == [
        "get_scheduled_transactions",
        "update_user_info",
    ]
    assert first.usage.total_tokens == first.usage.prompt_tokens + first.usage.completion_tokens > 0


def test_a_stream_says_the_same_in_pieces(client: openai.OpenAI):
    run = load(ATTACKED)
    for index in (2, 4, len(run.chat) - 1):
        with ask(client, run.chat[:index], stream=True) as chunks:
            pieces = list(chunks)
        assert assemble(pieces) == run.chat[index]
        assert len(pieces) > 3


def test_a_clean_tool_result_goes_on_as_the_clean_run_did(client: openai.OpenAI):
    attacked, clean = load(ATTACKED), load(CLEAN)
    healed = [*attacked.chat[:3], {**attacked.chat[3], "content": clean.chat[3]["content"]}]

    answer = ask(client, healed).choices[0].message

    assert [call.function.name for call in answer.tool_calls] == ["update_user_info"]
    assert clean.chat[4]["tool_calls"] == [call.model_dump() for call in answer.tool_calls]


def test_a_redaction_token_stands_for_any_text():
    run = load(ATTACKED)
    masked = [dict(message) for message in run.chat[:7]]
    masked[5]["content"] = str(masked[5]["content"]).replace("SE3550000000054910000003", TOKEN)

    reply = reply_to(masked, named=run, others=())

    assert masked[5] != run.chat[5]
    assert reply is not None
    assert (reply.index, reply.how) == (7, "recorded")


def test_a_conversation_nobody_had_goes_on_by_position():
    run = load(ATTACKED)
    strange = [run.chat[0], {"role": "user", "content": "something else"}]

    reply = reply_to(strange, named=run, others=same_task(run))

    assert reply is not None
    assert (reply.run.name, reply.index, reply.how) == (ATTACKED, 2, "position")


def test_an_unknown_run_is_a_404_the_client_understands(client: openai.OpenAI):
    with pytest.raises(openai.NotFoundError, match="no recorded run"):
        client.chat.completions.create(model="gpt-nothing", messages=[])
