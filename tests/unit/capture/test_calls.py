"""Decorated calls: what is recorded of them, and that their behaviour is unchanged."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

import forkpoint
import pytest
from forkpoint.events.kinds import ArtifactState, Effect, Kind, RunStatus
from forkpoint.events.model import Note, StepEnded
from forkpoint.testing.memory import Recorded, recorded


def test_the_delta_of_a_growing_talk_covers_its_new_messages_only(memory: Recorded) -> None:
    @forkpoint.model
    def ask(messages: list[dict[str, str]]) -> None: ...

    talk = [{"role": "user", "content": "one"}]
    with forkpoint.run("r"):
        ask(talk)
        talk += [{"role": "assistant", "content": "two"}]
        ask(talk)
        ask(talk[1:])

    first, second, third = memory.steps
    assert first.delta == first.signature
    assert second.delta == third.signature != second.signature


@pytest.mark.parametrize(
    ("decorator", "parts"),
    [
        (forkpoint.retriever, {"query": "a", "params": {"other": "b"}}),
        (forkpoint.planner, {"goal": "a", "state": {"other": "b"}}),
        (forkpoint.validator, {"subject": "a", "rules": {"other": "b"}}),
        (forkpoint.safety, {"subject": "a", "policy": {"other": "b"}}),
        (forkpoint.step, {"input": {"first": "a", "other": "b"}}),
        (forkpoint.tool(version="2"), {"args": {"first": "a", "other": "b"}, "version": "2"}),
    ],
)
def test_each_kind_has_its_parts(memory: Recorded, decorator: object, parts: object) -> None:
    def function(first: str, other: str) -> None: ...

    wrapped = decorator(function)  # type: ignore[operator]
    with forkpoint.run("r"):
        wrapped("a", other="b")

    roles = [ref.role for ref in memory.step("r#0").artifacts]
    assert {role[6:]: memory.input("r#0", role[6:]) for role in roles} == parts


def test_the_effect_of_a_tool_is_recorded_and_a_wrong_one_refused(memory: Recorded) -> None:
    @forkpoint.tool(effect="idempotent_write")
    def save() -> None: ...

    with forkpoint.run("r"):
        save()

    assert memory.step("r#0").effect is Effect.IDEMPOTENT_WRITE
    with pytest.raises(forkpoint.ForkpointError, match="effect"):
        forkpoint.tool(effect="harmless")


def test_an_error_is_recorded_and_raised_as_the_very_same_object(memory: Recorded) -> None:
    error = ValueError("no such file", 7)

    @forkpoint.tool
    def fails() -> None:
        raise error from KeyError("cause")

    with forkpoint.run("r"), pytest.raises(ValueError, match="no such file") as caught:
        fails()

    assert caught.value is error
    ended = memory.ended("r#0")
    value = memory.value(ended.artifacts, "error")
    assert (ended.status, ended.error_class) == ("error", "ValueError")
    assert value["args"] == ["no such file", 7]  # type: ignore[index,call-overload]
    assert value["causes"][0]["class"] == "KeyError"  # type: ignore[index,call-overload]


async def test_a_cancelled_call_is_cancelled_not_failed(memory: Recorded) -> None:
    @forkpoint.tool
    async def waits() -> None:
        await asyncio.sleep(60)

    async with forkpoint.run("r"):
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(waits(), 0.01)

    assert [e.status for e in memory.events if isinstance(e, StepEnded)] == ["cancelled"]


def test_outputs_keep_their_shape_beside_them(memory: Recorded) -> None:
    @forkpoint.tool
    def price() -> dict[str, object]:
        return {"z": 1.0, "a": 2}

    with forkpoint.run("r"):
        price()

    ended = memory.ended("r#0")
    assert memory.output("r#0") == {"a": 2, "z": 1}
    assert memory.value(ended.artifacts, "shape") == {"k": [["z", "a"]], "f": ["/z"]}


def test_a_value_changed_after_the_call_is_recorded_as_it_was(memory: Recorded) -> None:
    @forkpoint.tool
    def keep(items: list[int]) -> list[int]:
        return items

    items = [1]
    with forkpoint.run("r"):
        keep(items)
        items.append(2)

    assert memory.input("r#0", "args") == {"items": [1]}
    assert memory.output("r#0") == [1]


def test_what_cannot_be_encoded_is_withheld_and_the_call_goes_on(memory: Recorded) -> None:
    class Broken:
        def model_dump(self) -> object:
            raise RuntimeError("no")

    @forkpoint.tool
    def use(thing: object) -> object:
        return thing

    thing = Broken()
    with forkpoint.run("r"):
        assert use(thing) is thing

    step, ended = memory.step("r#0"), memory.ended("r#0")
    assert step.signature is None
    for ref in (*step.artifacts, *ended.artifacts):
        assert (ref.state, ref.reason, ref.root) == (
            ArtifactState.WITHHELD,
            "unserialisable",
            None,
        )


def test_dataclasses_are_recorded_as_their_fields(memory: Recorded) -> None:
    @dataclass
    class Hit:
        url: str
        score: float

    @forkpoint.retriever
    def search(query: str) -> list[Hit]:
        return [Hit("u", 0.5)]

    with forkpoint.run("r"):
        search("q")

    assert memory.output("r#0") == [{"score": 0.5, "url": "u"}]


def test_secrets_are_masked_in_payloads_names_and_errors() -> None:
    secret = "canary-4711-abcdef"

    @forkpoint.tool(name=f"tool {secret}")
    def use(text: str, password: str) -> str:
        raise ValueError(f"denied for {text}")

    with recorded(secrets=[secret]) as memory:
        with pytest.raises(ValueError), forkpoint.run(f"run {secret}", tags=[secret]):
            use(secret, "hunter2")
        assert b"hunter2" not in memory.text()
        assert secret.encode() not in memory.text()
        assert secret not in repr([memory.run, memory.end])


def test_events_are_numbered_without_holes_and_ids_are_derived(memory: Recorded) -> None:
    @forkpoint.tool
    def leaf() -> None: ...

    with forkpoint.run("r") as run:
        for _ in range(5):
            leaf()

    assert [event.sequence_no for event in memory.events] == list(range(10))
    assert {event.run_id for event in memory.events} == {run.id}
    assert memory.end.events == {"0": 10}


def test_blocks_come_before_the_events_that_need_them(memory: Recorded) -> None:
    @forkpoint.tool
    def leaf(text: str) -> None: ...

    with forkpoint.run("r", attributes={"a": "b" * 300}):
        leaf("c" * 300)

    assert memory.input("r#0", "args") == {"text": "c" * 300}
    order = memory.sink.order
    assert (order[0], order[order.index("start") + 1], order[-1]) == ("block", "block", "end")


def test_calls_outside_any_run_pass_through_and_are_counted(memory: Recorded) -> None:
    @forkpoint.tool
    def leaf() -> int:
        return 1

    before = forkpoint.stats().get("calls_outside_runs", 0)
    assert leaf() == 1
    with forkpoint.run("r"):
        context_free = leaf
    assert context_free() == 1

    assert memory.steps == []
    assert forkpoint.stats()["calls_outside_runs"] == before + 2


def test_the_outcome_of_a_run_is_its_status_and_output(memory: Recorded) -> None:
    with forkpoint.run("r", tags=["nightly"], attributes={"user": 7}) as run:
        run.attributes["plan"] = "free"
        run.set_output({"done": True})

    assert (memory.run.name, memory.run.tags) == ("r", ("nightly",))
    assert memory.value(memory.run.artifacts, "attributes") == {"user": 7}
    assert memory.end.status is RunStatus.OK
    assert memory.value(memory.end.artifacts, "output") == {"done": True}
    assert memory.value(memory.end.artifacts, "attributes") == {"user": 7, "plan": "free"}


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (ValueError("x"), RunStatus.ERROR),
        (KeyboardInterrupt(), RunStatus.CANCELLED),
        (asyncio.CancelledError(), RunStatus.CANCELLED),
        (SystemExit(0), RunStatus.OK),
        (SystemExit(3), RunStatus.ERROR),
    ],
)
def test_what_leaves_the_block_decides_the_status(
    memory: Recorded, error: BaseException, status: RunStatus
) -> None:
    with pytest.raises(type(error)), forkpoint.run("r"):
        raise error

    assert memory.end.status is status


def test_a_run_inside_a_run_is_an_agent_step_of_it(memory: Recorded) -> None:
    @forkpoint.tool
    def leaf() -> None: ...

    with forkpoint.run("outer") as outer, forkpoint.run("inner") as inner:
        leaf()
        inner.set_output("found")

    assert inner.id == outer.id
    assert [(step.key, step.kind) for step in memory.steps] == [
        ("r#0", Kind.AGENT),
        ("r#0.0", Kind.TOOL),
    ]
    assert memory.output("r#0") == "found"
    assert len(memory.sink.starts) == 1


def test_an_attached_file_hangs_on_the_run(memory: Recorded) -> None:
    with forkpoint.run("r"):
        forkpoint.attach("report.txt", b"hello \xff", media_type="text/plain")

    (note,) = (event for event in memory.events if isinstance(event, Note))
    assert (note.name, note.artifacts[0].media_type) == ("file", "text/plain")
    assert memory.value(note.artifacts, "file.report.txt") == b"hello \xff"


def test_a_stream_passes_chunks_on_at_once_and_is_recorded_whole(memory: Recorded) -> None:
    made: list[str] = []

    @forkpoint.model
    def speak(prompt: str) -> Iterator[str]:
        for word in ("a", "bc", "d"):
            made.append(word)
            yield word

    with forkpoint.run("r"):
        stream = speak("p")
        assert (next(iter(stream)), made) == ("a", ["a"])
        assert list(stream) == ["bc", "d"]

    ended = memory.ended("r#0")
    chunks = memory.value(ended.artifacts, "chunks")
    assert (memory.output("r#0"), ended.chunks) == ("abcd", 3)
    assert [frame[2:] for frame in chunks["frames"]] == [["", 1], ["", 2], ["", 1]]  # type: ignore[index,call-overload,union-attr]


async def test_an_asynchronous_stream_left_early_says_so(memory: Recorded) -> None:
    closed: list[bool] = []

    @forkpoint.model
    async def speak(prompt: str) -> AsyncIterator[dict[str, int]]:
        try:
            for number in range(10):
                yield {"n": number}
        finally:
            closed.append(True)

    async with forkpoint.run("r"):
        stream = speak("p")
        async for chunk in stream:
            if chunk["n"] == 1:
                break
        await stream.aclose()  # type: ignore[attr-defined]

    ended = memory.ended("r#0")
    assert closed == [True]
    assert (ended.status, ended.chunks) == ("ok", 2)
    assert memory.output("r#0") == [{"n": 0}, {"n": 1}]
    assert memory.value(ended.artifacts, "chunks")["end"] == "closed"  # type: ignore[index,call-overload]


def test_a_stream_that_breaks_keeps_what_came_before(memory: Recorded) -> None:
    @forkpoint.model
    def speak(prompt: str) -> Iterator[str]:
        yield "half"
        raise ConnectionError("reset")

    with forkpoint.run("r"), pytest.raises(ConnectionError):
        list(speak("p"))

    ended = memory.ended("r#0")
    assert (ended.status, ended.error_class) == ("error", "ConnectionError")
    assert memory.output("r#0") == "half"


def test_a_secret_cut_by_chunks_is_masked_whole_and_boundaries_move_behind_it() -> None:
    secret = "canary-4711-abcdef"

    @forkpoint.model
    def speak(prompt: str) -> Iterator[str]:
        yield from ("key: can", "ary-4711", "-abcdef!", " bye")

    with recorded(secrets=[secret]) as memory:
        with forkpoint.run("r"):
            assert "".join(speak("p")) == f"key: {secret}! bye"
        output = str(memory.output("r#0"))
        frames = memory.value(memory.ended("r#0").artifacts, "chunks")["frames"]  # type: ignore[index,call-overload]

    lengths = [frame[3] for frame in frames]  # type: ignore[union-attr]
    pieces, at = [], 0
    for length in lengths:
        pieces.append(output[at : at + length])
        at += length
    assert "".join(pieces) == output
    assert pieces[0].startswith("key: rx1_VALUE_")
    assert pieces[1:] == ["", "!", " bye"]
