from __future__ import annotations

import asyncio

from forkpoint_worker.loop import Worker
from replaying import CANCEL, PROGRESS, session_of, start, steps_of, tool_loop
from serving import Service
from stack import Database as Scratch
from subscribing import socket_of


async def test_a_verified_run_is_written_again_with_equal_roots(service: Service, worker: Worker):
    recording = tool_loop()
    await recording.send(service)

    made = (await start(service, recording.run_id))["sessions"][0]
    await worker.work_off()

    done = await session_of(service, made["id"])
    old, new = [await steps_of(service, run) for run in (recording.run_id, made["newRunId"])]
    assert (done["state"], done["verdict"], done["failedStep"]) == ("FINISHED", "IDENTICAL", None)
    assert (done["progress"]["matched"], done["report"]["exit"]) == (5, 0)
    assert done["newRun"]["origin"]["runId"] == recording.run_id
    assert done["newRun"]["verdict"] == "IDENTICAL"
    assert [step["artifacts"] for step in new] == [step["artifacts"] for step in old]
    assert {(s["replay"]["mode"], s["replay"]["executor"]) for s in new} == {("EXACT", "verify")}


async def test_a_replay_stores_no_content_of_its_recording_again(
    service: Service, worker: Worker, database: Scratch
):
    recording = tool_loop(turns=20)
    await recording.send(service)

    before = database.sql("select digest from block").splitlines()

    made = (await start(service, recording.run_id))["sessions"][0]
    await worker.work_off()

    after = database.sql("select digest from block").splitlines()
    report = database.sql(
        f"select root from artifact where role = 'replay_report' and run_id = '{made['newRunId']}'"
    )
    assert set(after) - set(before) == {report}


async def test_damaged_content_fails_at_its_step_and_leaves_the_recording_alone(
    service: Service, worker: Worker, database: Scratch
):
    recording = tool_loop(found="to be damaged")
    await recording.send(service)
    database.sql(
        "update block set body = '\\x7b7d', codec = 0, size = 2 where digest in (select root from"
        f" artifact join step using (run_id, step_id) where key = 'r#3' and role = 'output'"
        f" and run_id = '{recording.run_id}')"
    )

    made = (await start(service, recording.run_id))["sessions"][0]
    await worker.work_off()

    done = await session_of(service, made["id"])
    assert (done["state"], done["reason"]) == ("FAILED", "integrity_failed")
    assert (done["failedStep"]["key"], done["verdict"], done["newRun"]) == ("r#3", None, None)
    assert database.sql(f"select status from run where run_id = '{recording.run_id}'") == "ok"


async def test_a_plan_says_what_would_happen_and_starts_nothing(
    service: Service, database: Scratch
):
    recording = tool_loop()
    await recording.send(service)

    answer = await start(service, recording.run_id, dryRun=True)

    plan = answer["plan"]
    assert (answer["sessions"], plan["executor"], plan["says"]) == (
        [],
        "VERIFY",
        ["code not executed"],
    )
    assert [(g["where"], g["kind"], g["mode"], g["steps"]) for g in plan["groups"]] == [
        ("suffix", "MODEL", "EXACT", 3),
        ("suffix", "TOOL", "EXACT", 2),
    ]
    assert [(e["name"], e["effect"], e["allowed"]) for e in plan["effects"]] == [
        ("look", "UNKNOWN", False)
    ]


async def test_a_plan_of_a_fork_names_past_cut_and_suffix(service: Service):
    recording = tool_loop()
    await recording.send(service)

    plan = (
        await start(
            service,
            recording.run_id,
            dryRun=True,
            cut={"key": "r#1"},
            entrypoint="app:main",
            edits=[{"kind": "output", "key": "r#1", "value": 1}],
            policy={
                "policy": "forkpoint.policy/1",
                "default": {"mode": "cached"},
                "allow_live": {"hosts": ["api.example.com"]},
                "budgets": {"calls": 3},
                "rules": [{"match": {"kind": "model", "after_cut": True}, "mode": "live"}],
            },
        )
    )["plan"]

    assert [
        (g["where"], g["kind"], g["mode"], g["edited"], g["steps"]) for g in plan["groups"]
    ] == [
        ("past", "MODEL", "EXACT", False, 1),
        ("cut", "TOOL", "SIMULATED", True, 1),
        ("suffix", "MODEL", "LIVE", False, 2),
        ("suffix", "TOOL", "CACHED", False, 1),
    ]
    assert (plan["hosts"], plan["estimate"]["calls"]) == (["api.example.com"], 2)
    assert (plan["executor"], plan["waits"]) == ("HOST", "no runner with app:main is online")


async def test_edits_of_the_process_are_left_to_runners(service: Service):
    recording = tool_loop()
    await recording.send(service)
    edits = [{"kind": "env", "value": {"MOOD": "merry"}}]

    asked = {"dryRun": True, "cut": {"key": "r#1"}, "edits": edits}
    best = (await start(service, recording.run_id, **asked))["plan"]
    graph = (await start(service, recording.run_id, executor="GRAPH", **asked))["plan"]

    assert (best["executor"], best["refusals"][0]["code"]) == ("HOST", "ENTRYPOINT_MISSING")
    assert [refusal["code"] for refusal in graph["refusals"]] == ["EXECUTOR_UNFIT"]
    assert "`env` changes the agent's process" in graph["refusals"][0]["message"]


async def test_what_cannot_be_replayed_is_refused_at_its_field(service: Service):
    recording = tool_loop()
    await recording.send(service)
    asked = {"runId": recording.run_id, "policy": {"policy": "forkpoint.policy/1", "no": 1}}

    plan = (await start(service, recording.run_id, dryRun=True, policy=asked["policy"]))["plan"]
    cut = (await start(service, recording.run_id, dryRun=True, cut={"key": "r#99"}))["plan"]

    assert [(r["code"], r["field"][:6]) for r in plan["refusals"]] == [("POLICY_INVALID", "policy")]
    assert ("CUT_INVALID", "cut") in [(r["code"], r["field"]) for r in cut["refusals"]]


async def test_the_same_client_id_gives_the_same_sessions(service: Service):
    recording = tool_loop()
    await recording.send(service)

    first = await start(service, recording.run_id, clientId="one", samples=2)
    again = await start(service, recording.run_id, clientId="one", samples=2)

    assert len(first["sessions"]) == 2
    assert [s["id"] for s in again["sessions"]] == [s["id"] for s in first["sessions"]]


async def test_progress_comes_once_in_order_and_ends_with_the_final_state(
    service: Service, worker: Worker
):
    recording = tool_loop()
    await recording.send(service)
    made = (await start(service, recording.run_id))["sessions"][0]

    async with socket_of(service) as socket:
        await socket.subscribe(PROGRESS, s=made["id"], a=-1)
        working = asyncio.create_task(worker.work_off())
        seen = [data["replayProgress"] async for data in socket.answers()]
        await working

    assert [change["n"] for change in seen] == list(range(len(seen)))
    states = list(dict.fromkeys(change["state"] for change in seen))
    assert states == ["QUEUED", "PREPARING", "RUNNING", "FINISHED"]


async def test_a_cancelled_session_is_not_executed(service: Service, worker: Worker):
    recording = tool_loop()
    await recording.send(service)
    made = (await start(service, recording.run_id))["sessions"][0]

    answer = await service.data(CANCEL, s=made["id"])
    await worker.work_off()

    done = await session_of(service, made["id"])
    assert answer["cancelReplay"]["session"]["state"] == done["state"] == "CANCELLED"
    assert done["newRun"] is None
