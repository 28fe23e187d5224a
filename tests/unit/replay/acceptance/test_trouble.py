"""Trouble: killed runs, errors, hostile programs, repeated writes, blind recorders."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

import forkpoint
import msgspec
import openai
import pytest
from forkpoint.capture.spool import Position, RecordType, SpoolReader
from forkpoint.capture.walls import isolation, wall_for
from forkpoint.content.blocks import digest_of
from forkpoint.errors import CaptureError
from forkpoint.events.model import Event, RunStart, StepAttempt, StepEnded
from forkpoint.integrations import openai as integration
from forkpoint.replay.codes import exit_code, verdict_of
from forkpoint.replay.recording import Recording
from forkpoint.settings import Settings
from forkpoint.testing.memory import recorded
from forkpoint_cli.main import main

from . import killed
from .agents import Refused, client_of, halted, ran, record, refuse, replay, run_once, talk
from .stub import Stub


@forkpoint.tool(effect="read")
def look(number: int) -> str:
    return f"found {number}"


def left_behind(spool: Path) -> tuple[Recording, list[Event]]:
    """The recording and the events in what a killed process left on the disk."""
    (folder,) = [one for one in spool.iterdir() if one.is_dir()]
    starts: list[RunStart] = []
    events: list[Event] = []
    blocks: dict[bytes, bytes] = {}
    for one in SpoolReader(folder).read(Position(), limit=1 << 30)[0]:
        if one.type is RecordType.RUN_START:
            starts.append(msgspec.json.decode(one.payload, type=RunStart))
        elif one.type is RecordType.BLOCK:
            blocks[digest_of(one.payload)] = one.payload
        elif one.type is RecordType.EVENT:
            events.append(msgspec.json.decode(one.payload, type=Event))
        else:
            raise AssertionError("the run came to its end")

    def get(wanted: Collection[bytes]) -> dict[bytes, bytes]:
        return {digest: blocks[digest] for digest in wanted if digest in blocks}

    (start,) = starts
    return Recording.load(start, None, list(enumerate(events)), get), events


def test_sigkill_everywhere(tmp_path: Path):
    """A process for each event of a run, killed -9 when that one was written."""
    subprocess.run([sys.executable, killed.__file__, str(tmp_path)], check=True, timeout=60)
    numbers = sorted(int(one.name) for one in tmp_path.iterdir() if one.name.isdigit())
    steps = 5
    assert numbers == list(range(len(numbers)))
    assert len(numbers) >= 2 * steps + 2  # the last one lived
    killed.ran.clear()

    for number in numbers[:-1]:
        recording, events = left_behind(tmp_path / str(number))
        assert len(events) == number
        ended = sum(isinstance(event, StepEnded) for event in events)
        with recorded(), forkpoint.replaying(recording) as running:
            if ended < steps:
                with pytest.raises(forkpoint.Diverged, match="end_of_recording"):
                    killed.run_once()
            else:
                killed.run_once()
        assert running.result is not None
        report: Any = running.result.report
        assert (report["verdict"], report["matched"]) == ("partial", ended)
        assert report["failedStep"]["reason"] == "end_of_recording"
    assert killed.ran == []


def told(action: Callable[[], object]) -> object:
    """What an agent sees of a failure."""
    try:
        return action()
    except Exception as error:
        kind = type(error)
        return (kind.__module__, kind.__qualname__, str(error), repr(error), error.args)


@pytest.mark.parametrize("what", ["tool", "status-400", "status-429", "status-500", "broken"])
def test_errors(stub: Stub, what: str, monkeypatch: pytest.MonkeyPatch):
    def streamed(client: openai.OpenAI, seen: list[str]) -> None:
        with client.chat.completions.create(model=what, messages=talk(), stream=True) as stream:
            seen += [str(chunk) for chunk in stream]

    def agent() -> str:
        if what == "tool":
            return repr(told(lambda: refuse("not allowed")))
        seen: list[str] = []
        with client_of(stub.url) as client:
            chat = client.chat.completions
            if what == "broken":
                failure = told(lambda: streamed(client, seen))
            else:
                failure = told(lambda: chat.create(model=what, messages=talk()))
        return repr([failure, len(seen), seen])

    said, recording = record(agent)
    asked = len(stub.asked)
    monkeypatch.setattr(time, "sleep", lambda _s: pytest.fail("it slept"))

    again, report = replay(recording, agent)

    assert (again, report["verdict"], len(stub.asked)) == (said, "identical", asked)
    if what == "tool":
        assert f"{Refused.__name__}" in again


@pytest.mark.parametrize(("model", "tried"), [("retry", [500, 200]), ("drop", [None, 200])])
def test_errors_of_retries_try_by_try(
    stub: Stub, model: str, tried: list[int | None], monkeypatch: pytest.MonkeyPatch
):
    def agent(retries: int = 2) -> str:
        with client_of(stub.url) as client:
            patient = client.with_options(max_retries=retries)
            return str(told(lambda: str(patient.chat.completions.create(model=model, messages=[]))))

    said, recording = record(agent)
    asked = len(stub.asked)
    waits: list[float] = []
    monkeypatch.setattr(time, "sleep", waits.append)
    policy = {"policy": "forkpoint.policy/1", "retries": "attempts"}

    with recorded() as tape, forkpoint.replaying(recording, {"policy": policy}) as running:
        again = run_once(agent)
        tries = [event.http_status for event in tape.events if isinstance(event, StepAttempt)]
    impatient, report = replay(recording, lambda: agent(0), policy=policy)
    _, logical = replay(recording, lambda: agent(0))

    assert running.result is not None
    assert (again, running.result.verdict, tries) == (said, "identical", tried)
    assert (set(waits), len(stub.asked)) == ({0.0}, asked)
    assert impatient != said
    assert (report["verdict"], report["failedStep"]["reason"]) == ("diverged", "outcome_changed")
    assert logical["verdict"] == "identical"


def test_errors_of_a_cancelled_call():
    @forkpoint.tool(effect="read")
    async def slow() -> None:
        ran.append("slow")
        await asyncio.Event().wait()

    async def agent() -> str:
        try:
            await asyncio.wait_for(slow(), 0.01)
        except TimeoutError as error:
            return repr(error)
        return "went through"

    said, recording = record(agent)

    again, report = replay(recording, agent)

    assert (again, report["verdict"], ran) == (said, "identical", ["slow"])


HOSTILE = """
import asyncio, contextlib, ctypes, json, socket, struct, subprocess, sys, threading
import forkpoint

host, port, hostile = sys.argv[1], int(sys.argv[2]), sys.argv[3]

@forkpoint.tool(effect="read")
def look(number):
    return number

def thread():
    def dial():
        with contextlib.suppress(BaseException), socket.socket() as client:
            client.connect((host, port))
    running = threading.Thread(target=dial)
    running.start()
    running.join()

def uvloop():
    import uvloop
    async def dial():
        await asyncio.get_running_loop().create_connection(asyncio.Protocol, host, port)
    with contextlib.suppress(BaseException):
        uvloop.run(dial())

def program():
    code = f"import socket; socket.create_connection(({host!r}, {port}))"
    with contextlib.suppress(BaseException):
        subprocess.run([sys.executable, "-c", code], check=False)

def native():
    libc = ctypes.CDLL(None)
    number = libc.socket(socket.AF_INET, socket.SOCK_STREAM, 0)
    packed = struct.pack("=HH4s8x", socket.AF_INET, socket.htons(port), socket.inet_aton(host))
    libc.connect(number, packed, len(packed))

with forkpoint.run("hostile") as run:
    look(1)
    if hostile != "none":
        globals()[hostile]()
    run.set_output(look(2))
"""


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the program and a bundle of its peaceful run."""
    folder = tmp_path_factory.mktemp("hostile")
    (folder / "agent.py").write_text(textwrap.dedent(HOSTILE))

    @forkpoint.tool(effect="read", name="look")
    def looked(number: int) -> int:
        return number

    with recorded() as tape:
        with forkpoint.run("hostile") as run:
            looked(1)
            run.set_output(looked(2))
        tape.write_bundle(folder / "run.fpb")
    return folder


WALLS = {"python": (), "tcp": wall_for(["https://api.example.com"]).words, "os": isolation()}
HOSTILE_WAYS = ["none", "thread", "uvloop", "program", "native"]


@pytest.mark.parametrize(
    ("way", "level"),
    [*((way, level) for way in HOSTILE_WAYS for level in ("python", "os")), ("native", "tcp")],
)
def test_hostile_live(hostile: Path, tmp_path: Path, way: str, level: str):
    words = WALLS[level]
    if words is None or (level == "tcp" and not words):  # this system cannot
        return
    with socket.create_server(("127.0.0.1", 0)) as listening:
        host, port = listening.getsockname()
        report = replayed_child(
            [*words, sys.executable, str(hostile / "agent.py"), host, str(port), way],
            hostile / "run.fpb",
            tmp_path,
            guard=level,
        )
        listening.settimeout(0.05)
        packets = reached(listening)

    seen = way in ("thread", "uvloop", "program")
    assert report["verdict"] == ("diverged" if seen else "identical")
    assert packets == (1 if (way, level) == ("native", "python") else 0)
    assert report["guard"] == level
    assert report["guardGaps"] == (["ctypes"] if way == "native" and level != "os" else [])


def replayed_child(command: list[str], bundle: Path, folder: Path, *, guard: str) -> dict[str, Any]:
    spec = {"session": "s", "report": str(folder / "report.json"), "guard": guard}
    (folder / "spec.json").write_text(json.dumps(spec))
    subprocess.run(
        command,
        env={
            **os.environ,
            "FORKPOINT_DATA": str(folder / "data"),
            "FORKPOINT_SPOOL": str(folder / "spool"),
            "FORKPOINT_REPLAY": str(bundle),
            "FORKPOINT_REPLAY_SPEC": str(folder / "spec.json"),
        },
        check=False,
        timeout=60,
    )
    return dict(json.loads((folder / "report.json").read_text()))


def reached(listening: socket.socket) -> int:
    try:
        listening.accept()[0].close()
    except TimeoutError:
        return 0
    return 1


@pytest.mark.parametrize("declared", [True, False])
def test_reworded_refund(declared: bool):
    intent = ["customer", "amount"] if declared else []

    @forkpoint.tool(effect="write", intent=intent)
    def refund(customer: int, amount: int, reference: str) -> str:
        ran.append("refund")
        return f"refunded {amount}"

    def agent(reference: str) -> str:
        return refund(7, 30, reference)

    said, recording = record(lambda: agent("order 17"))
    ran.clear()
    policy = {
        "policy": "forkpoint.policy/1",
        "rules": [{"match": {"name": "refund"}, "mode": "live"}],
        "allow_live": {"hosts": ["pay.example.com"]},
        "allow_effects": ["refund"],
        "budgets": {"calls": 5, "wall_s": 60},
    }
    spec: dict[str, object] = {"kind": "fork", "policy": policy, "grants": ["replay:effects"]}

    if not declared:
        report = halted(recording, lambda: agent("refund of order 17"), **spec)
        assert report["failedStep"]["reason"] == "intent_refused"
    else:
        with recorded() as tape, forkpoint.replaying(recording, spec):
            assert run_once(lambda: agent("refund of order 17")) == said
            assert [step.replay.match for step in tape.steps if step.replay] == ["intent"]
    assert ran == []


def test_canary(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """A library that sends its requests in another way than this recorder knows."""
    monkeypatch.setattr(integration, "_canaries", {})
    monkeypatch.setattr(integration, "_ask_nobody", lambda: None)
    monkeypatch.setattr("forkpoint.capture.process._blind", set())

    forkpoint.instrument("openai")
    with recorded() as tape, forkpoint.run("r"):
        pass
    assert [event.name for event in tape.events] == ["capture_blind"]  # type: ignore[union-attr]

    for settings in (Settings(fail="closed"), Settings(replay=tmp_path / "run.fpb")):
        monkeypatch.setattr("forkpoint.capture.process._settings", settings)
        with pytest.raises(CaptureError) as raised:
            forkpoint.instrument("openai")
        assert (raised.value.code, exit_code(verdict_of(raised.value.code))) == ("capture_blind", 2)


def test_canary_through_the_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
):
    with recorded() as tape:
        run_once(lambda: look(1))
        tape.write_bundle(tmp_path / "run.fpb")
    (tmp_path / "agent.py").write_text(
        "import forkpoint\n"
        "from forkpoint.integrations import openai\n"
        "openai._ask_nobody = lambda: None  # as of a library that sends in another way\n"
        "forkpoint.instrument('openai')\n"
        "with forkpoint.run('agent'):\n"
        "    raise SystemExit('it went on blind')\n"
    )
    child = [sys.executable, str(tmp_path / "agent.py")]
    words = ["forkpoint", "replay", str(tmp_path / "run.fpb"), "--", *child]
    monkeypatch.setattr(sys, "argv", words)
    monkeypatch.setenv("FORKPOINT_DATA", str(tmp_path / "data"))
    monkeypatch.setattr("forkpoint_cli.spools.WAIT_S", 0)

    with pytest.raises(SystemExit) as leaving:
        main()

    said = capfd.readouterr().err
    assert leaving.value.code == 2
    assert "calls of openai are not recorded" in said
    assert "it went on blind" not in said
