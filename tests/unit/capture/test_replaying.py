"""Replays through the recorder: no body runs, and the program sees what it saw."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import forkpoint
import pytest
from forkpoint.capture import guards, process, replaying
from forkpoint.events.kinds import Match, Verdict
from forkpoint.events.model import StepEnded
from forkpoint.settings import Settings
from forkpoint.testing.memory import Recorded, recorded

ran: list[str] = []


@pytest.fixture(autouse=True)
def nothing_ran() -> None:
    ran.clear()


@dataclass
class Hit:
    url: str
    score: float


class Denied(Exception):
    def __init__(self, user: str, *, code: int) -> None:
        super().__init__(f"{user} denied")
        self.code = code


@forkpoint.tool(effect="read")
def search(query: str) -> list[Hit]:
    ran.append("search")
    return [Hit(f"{query}/1", 1.0)]


@forkpoint.tool
def denied(user: str) -> None:
    ran.append("denied")
    raise Denied(user, code=7)


@forkpoint.model
def speak(prompt: str) -> Iterator[str]:
    ran.append("speak")
    yield from ("he", "llo ", prompt)


@forkpoint.model
async def speak_async(prompt: str) -> AsyncIterator[dict[str, str]]:
    ran.append("speak_async")
    yield {"text": prompt, "kind": "delta"}
    raise ConnectionResetError(104, "reset by peer")


@forkpoint.agent
def inner() -> list[Hit]:
    return search("inner")


def program(query: str = "q") -> list[object]:
    seen: list[object] = []
    with forkpoint.run("program") as run:
        seen += [search(query), inner(), list(speak("p"))]
        try:
            denied("ann")
        except Exception as error:
            seen.append((type(error).__name__, str(error), repr(error), isinstance(error, Denied)))
        seen.append(asyncio.run(streaming()))
        run.set_output(repr(seen))
    return seen


async def streaming() -> list[object]:
    seen: list[object] = []
    try:
        async for chunk in speak_async("x"):
            seen.append((list(chunk), chunk["text"]))
    except ConnectionResetError as error:
        seen.append((error.errno, str(error)))
    return seen


def test_a_replay_runs_no_body_and_shows_the_program_the_same_values(memory: Recorded) -> None:
    first = program()
    recording, bodies = memory.recording(), list(ran)

    with forkpoint.replaying(recording) as replay:
        second = program()

    assert second == first
    assert ran == bodies
    assert replay.result is not None
    assert replay.result.verdict is Verdict.IDENTICAL
    assert memory.end.verdict is Verdict.IDENTICAL
    assert memory.run.origin is not None
    assert memory.run.origin.run == recording.start.run_id


def test_the_steps_of_a_replay_have_the_roots_and_keys_of_the_recording(memory: Recorded) -> None:
    program()
    recording = memory.recording()
    with forkpoint.replaying(recording):
        program()

    again = memory.steps[len(recording) :]
    for before, after in zip(recording.started, again, strict=True):
        assert (after.key, after.signature, after.site) == (
            before.key,
            before.signature,
            before.site,
        )
        assert after.replay is not None
        assert after.replay.match is Match.EXACT
    ends = [event for event in memory.events if isinstance(event, StepEnded)]
    half = len(ends) // 2
    for before, after in zip(ends[:half], ends[half:], strict=True):
        assert (before.artifacts, before.chunks) == (after.artifacts, after.chunks)


def test_a_changed_input_halts_past_except_exception(memory: Recorded) -> None:
    program()
    recording = memory.recording()
    ran.clear()

    with forkpoint.replaying(recording) as replay, pytest.raises(forkpoint.Diverged) as stop:
        program(query="other")

    assert (stop.value.reason, ran) == ("input_changed", [])
    assert replay.result is not None
    assert replay.result.verdict is Verdict.DIVERGED
    assert replay.result.report["changes"][0]["got"] == "other"  # type: ignore[index]
    failing = memory.steps[-1]
    assert failing.replay is not None
    assert failing.replay.divergence == "input_changed"


def test_a_recorded_secret_is_replayed_as_its_token_and_matches(memory: Recorded) -> None:
    @forkpoint.tool
    def login(user: str) -> dict[str, str]:
        return {"password": "hunter2"}

    @forkpoint.tool
    def use(password: str) -> str:
        return f"ok {len(password)}"

    def session() -> str:
        with forkpoint.run("s"):
            return use(login("ann")["password"])

    first = session()
    with forkpoint.replaying(memory.recording()) as replay:
        assert session() == first == "ok 7"
    assert replay.result is not None
    assert replay.result.verdict is Verdict.IDENTICAL


async def test_a_cancelled_call_waits_to_be_cancelled_again(memory: Recorded) -> None:
    @forkpoint.tool
    async def slow() -> None:
        ran.append("slow")
        await asyncio.sleep(60)

    async def session() -> None:
        async with forkpoint.run("s"):
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(slow(), 0.02)

    await session()
    with forkpoint.replaying(memory.recording()) as replay:
        await session()

    assert ran == ["slow"]
    assert replay.result is not None
    assert replay.result.verdict is Verdict.IDENTICAL


def test_parallel_calls_get_their_own_answers(memory: Recorded) -> None:
    @forkpoint.tool
    async def fetch(number: int) -> int:
        ran.append("fetch")
        await asyncio.sleep(0)
        return number * 10

    async def session() -> list[int]:
        async with forkpoint.run("s"):
            return await asyncio.gather(*(fetch(number % 2) for number in range(20)))

    first = asyncio.run(session())
    with forkpoint.replaying(memory.recording()) as replay:
        assert asyncio.run(session()) == first
    assert len(ran) == 20
    assert replay.result is not None
    assert replay.result.verdict is Verdict.IDENTICAL


@pytest.fixture
def in_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[Path, Path | None], None]]:
    def use(bundle: Path, spec: Path | None) -> None:
        environment = {"FORKPOINT_REPLAY": str(bundle), "FORKPOINT_DATA": str(tmp_path)}
        if spec is not None:
            environment["FORKPOINT_REPLAY_SPEC"] = str(spec)
        monkeypatch.setattr(process, "_settings", Settings.from_environment(environment))
        monkeypatch.setattr(replaying, "_waiting", replaying.Waiting())
        monkeypatch.setattr(guards._place, "guard", None)  # such a guard is never taken down

    yield use


def test_the_environment_makes_the_first_run_of_a_process_the_replay(
    tmp_path: Path, in_environment: Callable[[Path, Path | None], None]
) -> None:
    with recorded() as memory:
        program()
        bundle = tmp_path / "run.fpb"
        memory.write_bundle(bundle)
    ran.clear()
    spec, report = tmp_path / "spec.json", tmp_path / "report.json"
    spec.write_text(json.dumps({"session": "s-1", "kind": "replay", "report": str(report)}))

    in_environment(bundle, spec)
    with recorded() as memory:
        program()
        assert memory.run.origin is not None
        assert memory.run.origin.session == "s-1"
        with forkpoint.run("second"):
            pass
        assert memory.run.origin is None

    assert ran == []
    assert json.loads(report.read_bytes())["verdict"] == "identical"


def test_a_bundle_that_cannot_be_read_stops_the_run_before_anything_acts(
    tmp_path: Path, in_environment: Callable[[Path, Path | None], None]
) -> None:
    bundle = tmp_path / "broken.fpb"
    bundle.write_bytes(b"not a bundle")

    in_environment(bundle, None)
    with recorded(), pytest.raises(forkpoint.ForkpointError):
        program()

    assert ran == []


def test_a_replay_that_reaches_for_the_world_is_stopped_and_tainted(memory: Recorded) -> None:
    reach = False

    def session() -> None:
        with forkpoint.run("s"):
            search("q")
            if reach:
                with socket.socket() as world:
                    world.connect(("127.0.0.1", 9))

    session()
    recording = memory.recording()
    reach = True
    with forkpoint.replaying(recording) as replay, pytest.raises(forkpoint.Breach):
        session()
    assert replay.result is not None
    assert replay.result.verdict is Verdict.DIVERGED

    with pytest.raises(ConnectionRefusedError):
        session()
