"""Answers of other runs for replays that execute the agent's code: of its lineage or project."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

import pytest
from conversations import Talk
from forkpoint.bundle import write_bundle
from forkpoint.capture.elsewhere import SocketElsewhere
from forkpoint.capture.walls import wall_for
from forkpoint.events.kinds import Effect, Kind
from forkpoint.events.model import StepStarted
from forkpoint.replay.elsewhere import seek_of
from forkpoint.replay.fresh import Seek
from forkpoint.replay.policy import read_policy
from forkpoint.replay.rules import CallFacts, Rules
from forkpoint_cli.answers import answering
from forkpoint_cli.client import Service as Client
from forkpoint_cli.recordings import download
from forkpoint_cli.replaying import Asked, replay_command
from forkpoint_cli.sources import Opened, open_bundle
from integration.replay.test_runner_process import Place, told
from replaying import session_of, start, steps_of
from serving import Service

PROGRAM = """
import sys
from pathlib import Path
import forkpoint

HERE = Path(__file__).parent
BOTTLES = {"cellar": 3, "attic": 5, "shed": 1}

@forkpoint.tool(effect="read")
def look(place):
    (HERE / "bodies.log").open("a").write(place + " ")
    return {"bottles": BOTTLES[place]}

def main(place="cellar"):
    with forkpoint.run("bottles", attributes={"place": place}) as run:
        seen = look(place)["bottles"]
        if seen == 3:
            seen += look("attic")["bottles"]
        run.set_output(seen)

if __name__ == "__main__":
    main(*sys.argv[1:])
"""
NEWEST = "{ runs(first: 1) { nodes { id } } }"


@pytest.fixture
async def place(service: Service, tmp_path: Path) -> Place:
    (tmp_path / "bottles.py").write_text(PROGRAM)
    return Place(tmp_path, service)


async def recorded(place: Place, *words: str) -> str:
    await (await place.python("bottles.py", *words)).communicate()
    return (await place.service.data(NEWEST))["runs"]["nodes"][0]["id"]


def cached(scope: str, **more: object) -> dict[str, Any]:
    return {"policy": "forkpoint.policy/1", "default": {"mode": "cached", "scope": scope, **more}}


def edited(kind: str, value: object) -> dict[str, Any]:
    return {"kind": kind, "key": "r#0", "value": value}


async def test_cached_answers_of_other_runs_come_to_a_runner_behind_its_wall(place: Place):
    whole, shed = await recorded(place), await recorded(place, "shed")
    bodies = place.bodies()

    async def forked(run: str, edit: dict[str, Any], policy: dict[str, Any]) -> dict[str, Any]:
        asked = await start(
            place.service,
            run,
            executor="HOST",
            entrypoint=place.entry,
            cut={"key": "r#0"},
            edits=[edit],
            policy=policy,
        )
        await told(runner)
        await told(runner)
        return await session_of(place.service, asked["sessions"][0]["id"])

    async with place.runner() as runner:
        few = await forked(whole, edited("output", {"bottles": 2}), cached("run"))
        again = edited("output", {"bottles": 3})
        of_lineage = await forked(few["newRunId"], again, cached("lineage"))
        cellar = edited("input", {"args": {"place": "cellar"}})
        of_project = await forked(shed, cellar, cached("project"))

    assert (few["verdict"], of_lineage["verdict"], of_project["verdict"]) == ("FORKED",) * 3
    assert place.bodies() == bodies
    steps = await steps_of(place.service, of_lineage["newRunId"])
    assert steps[1]["replay"] == {
        "mode": "CACHED",
        "match": "moved",
        "sourceRun": whole,
        "sourceKey": "r#1",
        "executor": "host",
    }
    assert steps[1]["artifacts"] == (await steps_of(place.service, whole))[1]["artifacts"]
    lent = await steps_of(place.service, of_project["newRunId"])
    assert [step["replay"]["sourceRun"] for step in lent] == [whole, whole]
    assert of_project["report"]["guard"] == wall_for(()).level


async def test_cached_answers_of_other_runs_come_to_a_command_and_not_to_a_bundle(place: Place):
    whole, run = await recorded(place), await recorded(place, "shed")
    shed = Opened(recorded=await asyncio.to_thread(download, place.session.service, run))
    bundle = place.folder / "shed.fpb"
    one = shed.recorded
    write_bundle(bundle, one.start, one.end, one.events, one.blocks)
    bodies = place.bodies()
    command = [sys.executable, str(place.folder / "bottles.py"), "cellar"]
    asked = Asked(policy=cached("project"))

    once, freely = await asyncio.to_thread(asked_twice, place.session.service, run, whole)
    online, offline = [
        await asyncio.to_thread(replay_command, place.session, opened, asked, command)
        for opened in (shed, open_bundle(bundle))
    ]

    assert (once[0], freely) == (whole, [whole, whole])  # the newest
    assert once[1] != whole  # each answer once: that of an older run, or none
    assert (online.report["verdict"], offline.report["verdict"]) == ("forked", "partial")
    assert str(offline.report["message"]).endswith(
        "other runs (scope: project) are not at hand offline"
    )
    assert place.bodies() == bodies


def asked_twice(service: Client, run: str, whole: str) -> list[list[str | None]]:
    """Where the answers to two equal calls come from, under `reuse: once` and `any`."""
    steps = [one for _, one in download(service, whole).events if isinstance(one, StepStarted)]
    said: list[list[str | None]] = []
    with answering(service, run) as path:
        for reuse in ("once", "any"):
            asked = Seek(
                kind=Kind.TOOL,
                name="look",
                signature=str(steps[0].signature),
                scope="project",
                ttl_s=3600.0,
                allow_errors=False,
                reuse=reuse,
            )
            found = [SocketElsewhere(str(path)).find(asked) for _ in "ab"]
            said.append([None if one is None else one.source.run for one in found])
    return said


def test_only_calls_that_change_nothing_are_looked_for_in_other_runs():
    recording = Talk(turns=2).recording()
    seeks = {
        (effect, scope): seek_of(
            recording,
            Rules(read_policy(cached(scope, allow_errors=True))).resolve(facts(effect)),
            Kind.TOOL,
            "look",
            "s" * 43,
        )
        for effect in Effect
        for scope in ("run", "lineage", "project")
    }

    assert {place for place, seek in seeks.items() if seek is not None} == {
        (Effect.PURE, "project"),
        (Effect.READ, "project"),
    }  # and none in a lineage: this run was forked from no other


def facts(effect: Effect) -> CallFacts:
    return CallFacts(
        kind=Kind.TOOL,
        name="look",
        site=None,
        strand="r",
        key="r#0",
        effect=effect,
        after_cut=True,
    )
