"""The runner: a process that executes agent code for replays asked for through the API."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from forkpoint_cli.client import Service as Client
from forkpoint_cli.output import Output
from forkpoint_cli.runner.facts import facts_here
from forkpoint_cli.runner.jobs import Done, Execution, read_job
from forkpoint_cli.session import Session
from forkpoint_cli.settings import Settings
from forkpoint_worker.loop import Worker
from replaying import CANCEL, JOBS, session_of, start, steps_of
from serving import Service
from stack import Database as Scratch
from subscribing import socket_of

PROGRAM = """
import os, signal, socket, threading
from pathlib import Path
import forkpoint

HERE = Path(__file__).parent
(HERE / "imported.log").open("a").write(f"{os.getpid()} ")
if (HERE / "curious").exists():
    socket.create_connection(("127.0.0.1", 9))  # while it is imported: the guard is up already

@forkpoint.tool(effect="read")
def look(place):
    (HERE / "bodies.log").open("a").write("look\\n")
    return {"place": place, "bottles": 3}

@forkpoint.model(name="adder")
def add(messages):
    (HERE / "bodies.log").open("a").write("add\\n")
    return f"there are {messages[0]['bottles'] + 1}"

def main(place="cellar"):
    (HERE / "begun.log").open("a").write("x")
    (HERE / "begun.pids").open("a").write(f"{os.getpid()} ")
    with forkpoint.run("bottles", attributes={"place": place, "other": 1}) as run:
        seen = look(place)
        if (HERE / "waits").exists():
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            (HERE / "pid").write_text(str(os.getpid()))
            threading.Event().wait()
        more = [{}] if (HERE / "changed").exists() else []
        answer = add(messages=[seen, *more])
        run.set_output(answer)

if __name__ == "__main__":
    main("attic")
"""
RECORDED = "{ runs(first: 1) { nodes { id } } }"


@dataclass
class Place:
    """Where the agent's code is, and the service its runs go to."""

    folder: Path
    service: Service
    entry: str = field(default_factory=lambda: f"app-{secrets.token_hex(4)}")

    @property
    def session(self) -> Session:
        settings = Settings(url=self.service.url, data=self.folder / "data")
        return Session(settings=settings, service=Client(settings), output=Output())

    @property
    def environment(self) -> dict[str, str]:
        return {
            **os.environ,
            "FORKPOINT_URL": self.service.url,
            "FORKPOINT_DATA": str(self.folder / "data"),
        }

    async def python(self, *words: str | Path) -> Process:
        return await asyncio.create_subprocess_exec(
            sys.executable, *words, cwd=self.folder, env=self.environment, stdout=PIPE, stderr=PIPE
        )

    @asynccontextmanager
    async def runner(self, *words: str) -> AsyncGenerator[Process]:
        """A runner that is online."""
        forkpoint = "from forkpoint_cli.main import main; main()"
        entry = f"{self.entry}=bottles:main"
        process = await self.python(
            "-c", forkpoint, "runner", "--entry", entry, "--name", "here", "--json", *words
        )
        try:
            await told(process)
            yield process
        finally:
            if process.returncode is None:
                process.terminate()
            await process.communicate()

    def bodies(self) -> list[str]:
        return (self.folder / "bodies.log").read_text().split()

    async def waiting_child(self) -> int:
        """The process of a replay, once it waits in the middle of its run."""
        while not (self.folder / "pid").exists() or not (self.folder / "pid").read_text():
            await asyncio.sleep(0.02)
        return int((self.folder / "pid").read_text())


async def told(process: Process) -> dict[str, Any]:
    """The next line of a runner."""
    assert process.stdout is not None
    line = await process.stdout.readline()
    if not line:
        assert process.stderr is not None
        raise AssertionError((await process.stderr.read()).decode())
    return json.loads(line)


async def gone(pid: int) -> None:
    """Return when a process that is not our child has ended."""
    while Path(f"/proc/{pid}/stat").exists() and " Z " not in Path(f"/proc/{pid}/stat").read_text():
        await asyncio.sleep(0.02)


@pytest.fixture
async def place(service: Service, tmp_path: Path) -> Place:
    (tmp_path / "bottles.py").write_text(PROGRAM)
    return Place(tmp_path, service)


@pytest.fixture
async def run(place: Place) -> str:
    """A recorded run of the agent."""
    _, said = await (await place.python("bottles.py")).communicate()
    found = (await place.service.data(RECORDED))["runs"]["nodes"]
    assert found, said
    return found[0]["id"]


async def test_a_replay_and_a_fork_asked_for_elsewhere_are_executed_here(place: Place, run: str):
    edit = {"kind": "output", "key": "r#0", "value": {"place": "attic", "bottles": 9}}
    rule = {"match": {"after_cut": True}, "mode": "simulated", "simulate": {"static": "ten"}}
    policy = {"policy": "forkpoint.policy/1", "default": {"mode": "cached"}, "rules": [rule]}
    before = place.bodies()
    async with place.runner() as runner:
        asked = await start(place.service, run, executor="HOST", entrypoint=place.entry)
        told_of = [await told(runner), await told(runner)]
        forked = await start(
            place.service,
            run,
            executor="HOST",
            entrypoint=place.entry,
            cut={"key": "r#0"},
            edits=[edit],
            policy=policy,
        )
        told_of += [await told(runner), await told(runner)]

    replay = await session_of(place.service, asked["sessions"][0]["id"])
    fork = await session_of(place.service, forked["sessions"][0]["id"])
    assert [one.get("verdict") for one in told_of] == [None, "identical", None, "forked"]
    assert (replay["state"], replay["verdict"]) == ("FINISHED", "IDENTICAL")
    assert (fork["state"], fork["verdict"]) == ("FINISHED", "FORKED")
    assert replay["newRun"]["origin"] == {"runId": run, "session": replay["id"], "kind": "replay"}
    steps = await steps_of(place.service, fork["newRun"]["id"])
    assert [step["replay"]["mode"] for step in steps] == ["SIMULATED", "SIMULATED"]
    assert {step["replay"]["executor"] for step in steps} == {"host"}
    assert place.bodies() == before


async def fork_of(place: Place, run: str, runner: Process) -> list[str]:
    """The soft findings of a fork, once it is over."""
    rule = {"match": {"after_cut": True}, "mode": "simulated", "simulate": {"static": "ten"}}
    asked = await start(
        place.service,
        run,
        executor="HOST",
        entrypoint=place.entry,
        cut={"key": "r#0"},
        edits=[{"kind": "output", "key": "r#0", "value": {"place": "attic", "bottles": 9}}],
        policy={"policy": "forkpoint.policy/1", "default": {"mode": "cached"}, "rules": [rule]},
    )
    await told(runner)
    await told(runner)
    session = await session_of(place.service, asked["sessions"][0]["id"])
    assert session["verdict"] == "FORKED"
    return [each["code"] for each in session["report"]["soft"]]


async def test_before_its_first_fork_a_run_is_replayed_as_it_is_once(place: Place, run: str):
    async with place.runner() as runner:
        begun = len((place.folder / "begun.log").read_text())
        soft = [await fork_of(place, run, runner), await fork_of(place, run, runner)]

    assert "baseline_unproven" not in [*soft[0], *soft[1]]
    assert len((place.folder / "begun.log").read_text()) - begun == 3


async def test_the_replay_before_a_fork_is_by_the_process_that_waits(place: Place, run: str):
    recorder, *_ = (place.folder / "imported.log").read_text().split()
    async with place.runner() as runner:
        waiting = [recorder]
        while len(waiting) < 2:
            await asyncio.sleep(0.02)
            waiting = (place.folder / "imported.log").read_text().split()
        await fork_of(place, run, runner)

    _, before, _ = (place.folder / "begun.pids").read_text().split()
    assert before == waiting[1]


async def test_a_fork_of_code_that_does_not_repeat_its_recording_says_so(place: Place, run: str):
    (place.folder / "changed").touch()
    async with place.runner() as runner:
        soft = await fork_of(place, run, runner)

    assert "baseline_unproven" in soft


async def test_several_are_executed_at_once_and_wait_for_their_turn(place: Place, run: str):
    async with place.runner("--jobs", "2") as runner:
        asked = [
            await start(place.service, run, executor="HOST", entrypoint=place.entry)
            for _ in range(3)
        ]
        ended: list[Any] = []
        while len(ended) < 3:
            line = await told(runner)
            ended += [line["session"]] if line["state"] == "ended" else []

    assert sorted(ended) == sorted(one["sessions"][0]["id"] for one in asked)


async def test_a_cancelled_replay_ends_its_process_though_it_will_not_listen(
    place: Place, run: str
):
    (place.folder / "waits").touch()
    async with place.runner() as runner:
        asked = await start(place.service, run, executor="HOST", entrypoint=place.entry)
        session = asked["sessions"][0]["id"]
        child = await place.waiting_child()
        await place.service.data(CANCEL, s=session)
        await told(runner)
        over = await told(runner)
        await gone(child)

    assert (over["verdict"], over["code"]) == (None, "stopped")
    assert (await session_of(place.service, session))["state"] == "CANCELLED"


async def test_runner_killed_takes_its_replays_with_it_and_they_are_runner_lost(
    place: Place, run: str, worker: Worker, database: Scratch
):
    (place.folder / "waits").touch()
    async with place.runner() as runner:
        asked = await start(place.service, run, executor="HOST", entrypoint=place.entry)
        session = asked["sessions"][0]["id"]
        child = await place.waiting_child()
        while (await session_of(place.service, session))["state"] != "RUNNING":
            await asyncio.sleep(0.02)
        runner.send_signal(signal.SIGKILL)
        await gone(child)
    done = await session_of(place.service, session)
    while done["state"] == "RUNNING":  # what the child sent last may renew the lease once more
        database.sql(
            "update replay_session set lease_until = now() - interval '1 s';"
            "update job set run_at = now() where kind = 'watch_replay'"
        )
        await worker.work_off()
        done = await session_of(place.service, session)

    assert (done["state"], done["reason"]) == ("FAILED", "runner_lost")


async def test_runner_of_two_that_hold_a_job_one_makes_the_run_and_the_other_loses_its_lease(
    place: Place, run: str, database: Scratch
):
    async with socket_of(place.service) as socket:
        first = await delivered(socket, place)
        asked = await start(place.service, run, executor="HOST", entrypoint=place.entry)
        job = await first()
        database.sql("update replay_session set lease_until = now() - interval '1 s'")
        async with socket_of(place.service) as other:
            again = await (await delivered(other, place))()

            taken, late = await executed(place, again), await executed(place, job)

    session = await session_of(place.service, asked["sessions"][0]["id"])
    assert (taken.verdict, late.verdict, late.code) == ("identical", None, "stopped")
    assert (session["verdict"], session["newRun"]["stepCount"]) == ("IDENTICAL", 2)


async def test_only_entry_points_it_was_started_with_are_run(place: Place, run: str):
    async with socket_of(place.service) as socket:
        first = await delivered(socket, place)
        asked = await start(place.service, run, executor="HOST", entrypoint=place.entry)
        job = await first()
        done = await executed(place, {**job, "entrypoint": "os:abort"})

    session = await session_of(place.service, asked["sessions"][0]["id"])
    assert done.code == "entrypoint_missing"
    assert (session["verdict"], session["reason"]) == ("INCOMPARABLE", "entrypoint_missing")


async def test_reaching_out_while_the_code_is_imported_is_a_breach(place: Place, run: str):
    (place.folder / "curious").touch()
    async with place.runner("--once") as runner:
        asked = await start(place.service, run, executor="HOST", entrypoint=place.entry)
        await told(runner)
        over = await told(runner)
        await runner.wait()

    session = await session_of(place.service, asked["sessions"][0]["id"])
    assert over["verdict"] != "identical"
    assert session["verdict"] != "IDENTICAL"
    assert "guard_network" in json.dumps([session["reason"], session["message"], over])


async def delivered(socket: Any, place: Place) -> Any:
    """Listen as a runner does; gives the job that comes next."""
    await socket.subscribe(JOBS, r={"name": "by hand", "entrypoints": [place.entry], "slots": 2})

    async def job() -> dict[str, Any]:
        message = await socket.receive()
        return message["payload"]["data"]["runnerJobs"]["job"]

    return job


async def executed(place: Place, job: dict[str, Any]) -> Done:
    """A job executed as a runner does."""
    facts = facts_here("t", {place.entry: "bottles:main"}, slots=1, folder=place.folder)
    read = read_job({"deadlineNs": 1 << 62, **job})
    execution = Execution(session=place.session, facts=facts, job=read)
    before = Path.cwd()
    os.chdir(place.folder)
    try:
        return await asyncio.to_thread(execution.run)
    finally:
        os.chdir(before)
