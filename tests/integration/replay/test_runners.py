from __future__ import annotations

import secrets
from typing import Any

import pytest
from forkpoint_server.live.publish import RedisPublisher
from forkpoint_worker.loop import Worker
from recorded import Recording
from replaying import CANCEL, JOBS, session_of, start, tool_loop
from serving import Answer, Service
from stack import Database as Scratch
from subscribing import Socket, socket_of

START_RUN = """mutation($r: JSON!, $l: ReplayLeaseInput) {
    startRun(input: {record: $r, replay: $l}) { created missing } }"""
INGEST = """mutation($e: JSON!, $l: ReplayLeaseInput) {
    ingestEvents(input: {events: $e, replay: $l}) { accepted rejected { code } } }"""
FINISH = """mutation($r: JSON!, $l: ReplayLeaseInput) { finishRun(input: {record: $r, replay: $l}) {
    missing } }"""
END = """mutation($s: ID!, $f: BigInt!, $r: JSON, $c: String) { endReplay(input: {session: $s,
    fencing: $f, report: $r, code: $c}) { session { state verdict reason } } }"""
RUNNERS = "{ project { runners { name entrypoints commit dirty guard } } }"


@pytest.fixture
def entry() -> str:
    """An entry point that no session of another test waits for."""
    return f"app-{secrets.token_hex(4)}"


async def listening(socket: Socket, entry: str, name: str = "build-7", **fields: object) -> None:
    runner = {"name": name, "entrypoints": [entry], "slots": 2, **fields}
    await socket.subscribe(JOBS, r=runner)


async def next_message(socket: Socket) -> dict[str, Any]:
    message = await socket.receive()
    assert message["type"] == "next", message
    return message["payload"]["data"]["runnerJobs"]


async def asked(service: Service, entry: str) -> tuple[Recording, dict[str, Any]]:
    recording = tool_loop()
    await recording.send(service)
    made = await start(service, recording.run_id, entrypoint=entry, arguments={"n": 1})
    return recording, made["sessions"][0]


async def claim(service: Service, job: dict[str, Any], fencing: object = None) -> Answer:
    record = Recording(run_id=job["newRunId"]).start
    lease = {"session": job["session"], "fencing": fencing or job["fencing"]}
    return await service.ask(START_RUN, r=record, l=lease)


async def test_a_runner_is_given_what_waits_for_its_entry_point(service: Service, entry: str):
    async with socket_of(service) as socket:
        await listening(socket, entry, commit="a1b2", dirty=True, guard="os")
        recording, made = await asked(service, entry)

        job = (await next_message(socket))["job"]

        runners = (await service.data(RUNNERS))["project"]["runners"]
        assert (job["session"], job["runId"]) == (made["id"], recording.run_id)
        assert (job["newRunId"], job["arguments"]) == (made["newRunId"], {"n": 1})
        assert (job["spec"]["run_id"], job["spec"]["kind"]) == (made["newRunId"], "replay")
        assert [each for each in runners if each["entrypoints"] == [entry]] == [
            {
                "name": "build-7",
                "entrypoints": [entry],
                "commit": "a1b2",
                "dirty": True,
                "guard": "os",
            }
        ]


async def test_a_session_is_claimed_once_followed_and_ended(service: Service, entry: str):
    async with socket_of(service) as socket:
        await listening(socket, entry)
        _, made = await asked(service, entry)
        job = (await next_message(socket))["job"]
        lease = {"session": job["session"], "fencing": job["fencing"]}

        claimed = await claim(service, job)
        recording = Recording(run_id=job["newRunId"])
        recording.call("r#0")
        sent = await service.data(INGEST, e=recording.events, l=lease)
        running = await session_of(service, made["id"])
        end = recording.finish_record(verdict="identical")
        await service.data(FINISH, r=end, l=lease)

        done = await session_of(service, made["id"])
        assert (claimed.data["startRun"]["created"], sent["ingestEvents"]["accepted"]) == (True, 2)
        assert (running["state"], running["progress"]["matched"]) == ("RUNNING", 1)
        assert running["progress"]["key"] == "r#0"
        assert (done["state"], done["verdict"]) == ("FINISHED", "IDENTICAL")


async def test_a_session_that_ended_makes_room_for_the_next_at_once(
    service: Service, entry: str, monkeypatch: pytest.MonkeyPatch
):
    rang, rung = RedisPublisher.rang, list[str]()

    async def heard(publisher: RedisPublisher, *topics: str) -> None:
        rung.extend(topics)
        await rang(publisher, *topics)

    monkeypatch.setattr(RedisPublisher, "rang", heard)
    async with socket_of(service) as socket:
        await listening(socket, entry, slots=1)
        made = [(await asked(service, entry))[1] for _ in range(3)]
        first = (await next_message(socket))["job"]
        await claim(service, first)
        lease = {"session": first["session"], "fencing": first["fencing"]}
        end = Recording(run_id=first["newRunId"]).finish_record(verdict="identical")
        rung.clear()
        await service.data(FINISH, r=end, l=lease)
        told = [topic for topic in rung if "runners" in topic]

        second = await next_message(socket)  # and no word to stop the one that ended by itself
        await service.data(
            END, s=second["job"]["session"], f=second["job"]["fencing"], c="internal"
        )
        third = [await next_message(socket), await next_message(socket)]

    jobs = [first, second["job"], *(one["job"] for one in third if one["job"])]
    assert len(told) == 1
    assert [job["session"] for job in jobs] == [one["id"] for one in made]
    assert [one["stop"] for one in third if one["stop"]] == [made[1]["id"]]


async def test_a_fencing_number_that_is_not_the_newest_loses(
    service: Service, entry: str, database: Scratch
):
    async with socket_of(service) as one, socket_of(service) as two:
        await listening(one, entry, "one")
        _, made = await asked(service, entry)
        first = (await next_message(one))["job"]
        database.sql(
            "update replay_session set lease_until = now() - interval '1 s'"
            f" where session_id = '{made['id']}'"
        )
        await listening(two, entry, "two")
        second = (await next_message(two))["job"]

        late, taken = await claim(service, first), await claim(service, second)

        assert int(second["fencing"]) > int(first["fencing"])
        assert (late.code, taken.data["startRun"]["created"]) == ("LEASE_LOST", True)


async def test_nothing_is_stored_for_a_session_that_was_cancelled(service: Service, entry: str):
    async with socket_of(service) as socket:
        await listening(socket, entry)
        _, made = await asked(service, entry)
        job = (await next_message(socket))["job"]
        await claim(service, job)

        await service.data(CANCEL, s=made["id"])

        told = await next_message(socket)
        lease = {"session": job["session"], "fencing": job["fencing"]}
        late = await service.ask(INGEST, e=[], l=lease)
        assert (told["stop"], told["job"], late.code) == (made["id"], None, "LEASE_LOST")


async def test_a_runner_that_is_gone_fails_its_session(
    service: Service, entry: str, worker: Worker, database: Scratch
):
    async with socket_of(service) as socket:
        await listening(socket, entry)
        _, made = await asked(service, entry)
        job = (await next_message(socket))["job"]
        await claim(service, job)
    database.sql(
        "update replay_session set lease_until = now() - interval '1 s';"
        "update job set run_at = now() where kind = 'watch_replay'"
    )

    await worker.work_off()

    done = await session_of(service, made["id"])
    assert (done["state"], done["reason"]) == ("FAILED", "runner_lost")
    assert done["newRun"]["status"] == "INTERRUPTED"


async def test_a_lease_that_is_renewed_is_watched_on(
    service: Service, entry: str, worker: Worker, database: Scratch
):
    async with socket_of(service) as socket:
        await listening(socket, entry)
        _, made = await asked(service, entry)
        job = (await next_message(socket))["job"]
        await claim(service, job)
        database.sql(
            "update replay_session set lease_until = now() + interval '12 s';"
            "update job set run_at = now() where kind = 'watch_replay'"
        )

        await worker.work_off()

        watching = database.sql(
            "select args ->> 'round', run_at - held.lease_until between '0 s' and '9 s'"
            " from job join replay_session as held on args ->> 'session' = session_id::text"
            " where job.kind = 'watch_replay' and job.state = 'queued'"
            f" and session_id = '{made['id']}'"
        )
        # so a killed runner is lost 31 s after its last batch, within the 40 s that are promised
        assert (await session_of(service, made["id"]))["state"] == "RUNNING"
        assert watching == "1\tt"


async def test_a_runner_says_what_went_wrong_before_a_run_began(service: Service, entry: str):
    async with socket_of(service) as socket:
        await listening(socket, entry)
        await asked(service, entry)
        job = (await next_message(socket))["job"]

        answer = await service.data(
            END, s=job["session"], f=job["fencing"], c="redaction_key", r=None
        )

    assert answer["endReplay"]["session"] == {
        "state": "STOPPED",
        "verdict": "INCOMPARABLE",
        "reason": "redaction_key",
    }
