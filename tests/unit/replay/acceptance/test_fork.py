"""Forks: one answer changed among siblings, and cuts inside a group of tool calls."""

from __future__ import annotations

import asyncio
from typing import Any

import forkpoint
from forkpoint.replay.recording import Recording
from forkpoint.testing.memory import recorded

from .agents import ran, record, run_once


@forkpoint.tool(effect="read")
async def fetch(number: int) -> dict[str, int]:
    ran.append("fetch")
    await asyncio.sleep(0)
    return {"number": number, "score": 1}


@forkpoint.model
def chat(messages: list[Any]) -> dict[str, Any]:
    ran.append("chat")
    return {"role": "assistant", "calls": ["a", "b"]} if len(messages) == 1 else {"text": "done"}


async def fan_out() -> str:
    found = await asyncio.gather(*(fetch(number) for number in range(4)))
    return repr([one["score"] for one in found])


def test_fork_in_fan_out():
    _, recording = record(fan_out)
    ran.clear()
    keys = [step.key for step in recording.started]
    spec = {
        "kind": "fork",
        "cut": {"key": keys[2]},
        "edits": [{"kind": "output", "patch": [{"op": "replace", "path": "/score", "value": 9}]}],
    }

    with recorded() as tape, forkpoint.replaying(recording, spec) as running:
        said = run_once(fan_out)
        again = {step.key: step for step in tape.steps}
        outputs = {key: tape.ended(key).artifacts for key in keys}

    assert running.result is not None
    assert (said, running.result.verdict, ran) == ("[1, 1, 9, 1]", "forked", [])
    siblings = [key for key in keys if key != keys[2]]
    for place, key in enumerate(keys):
        info, ended = again[key].replay, recording.ended[place]
        assert info is not None
        assert ended is not None
        assert info.mode == ("simulated" if key not in siblings else info.mode)
        assert again[key].signature == recording.started[place].signature
        assert (outputs[key] == ended.artifacts) is (key in siblings)


def test_cut_in_tool_group():
    """A run killed in the second of two tool calls: their reply has to be asked for again."""

    @forkpoint.tool(effect="read")
    def use(name: str) -> str:
        ran.append(name)
        if name == "b" and "killed" in ran:
            return "late"
        return f"result of {name}"

    asked: list[list[Any]] = []

    def agent() -> str:
        messages: list[Any] = [{"role": "user", "content": "go"}]
        while "calls" in (reply := chat(messages)):
            asked.append(list(messages))
            messages += [reply, *({"role": "tool", "content": use(n)} for n in reply["calls"])]
        asked.append(list(messages))
        return str(reply["text"])

    with recorded() as tape:
        run_once(agent)
        cut_short = list(enumerate(tape.events[:5]))  # chat, use a, and the start of use b
        recording = Recording.load(tape.run, None, cut_short, tape.get)
    assert [step.key for step in recording.started] == ["r#0", "r#1", "r#2"]
    policy = {
        "policy": "forkpoint.policy/1",
        "default": {"mode": "cached"},
        "rules": [
            {"match": {"kind": "tool"}, **made("made up")},
            {"match": {"kind": "model"}, **made({"text": "done"})},
        ],
    }
    asked.clear()

    spec = {"kind": "fork", "cut": {"key": "r#1"}, "policy": policy}
    with recorded() as tape, forkpoint.replaying(recording, spec) as running:
        run_once(agent)
        origin = tape.run.origin

    assert running.result is not None
    assert origin is not None
    assert origin.cut_key == "r#0"
    assert "cut_snapped" in [found["code"] for found in running.result.report["soft"]]
    for messages in asked:
        calls = sum(len(one.get("calls", ())) for one in messages)
        assert calls == sum(one.get("role") == "tool" for one in messages)


def made(value: object) -> dict[str, object]:
    return {"on_miss": ["simulated"], "simulate": {"static": value}}
