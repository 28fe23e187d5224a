"""S15: who did what is written down with the act, and nobody can take it back unseen."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest
from forkpoint_server.artifacts.retention import DAY_NS
from forkpoint_server.db.engine import Database as Forkpoint
from forkpoint_server.db.engine import driver
from forkpoint_server.security.audit import Action, Entry, record, trim
from forkpoint_server.security.principals import Principal
from forkpoint_server.security.scopes import Scope
from recorded import FINISH, INGEST, START, Recording, recorded
from serving import Service
from stack import Database
from tenants import give_token, make_project

AUDIT = """query($target: String, $action: String) {
    audit(first: 200, filter: {target: $target, action: $action}) { nodes {
        seq actor tokenId address action target reason facts } } }"""
CHAIN = "{ auditChain { rows intact brokenAt } }"
CREATE = """mutation { createToken(input: {name: "ci", scopes: ["ingest"]}) { token { id } } }"""


async def entries(service: Service, **where: str) -> list[dict[str, Any]]:
    return (await service.data(AUDIT, **where))["audit"]["nodes"]


async def test_s15_a_token_is_written_down_from_its_making_to_its_end(
    service: Service, database: Database
):
    admin = give_token(database, scopes=[Scope.ADMIN], name="boss")
    made = await service.ask(CREATE, token=admin.text)
    token_id = made.data["createToken"]["token"]["id"]
    revoke = "mutation($id: ID!) { revokeToken(input: {id: $id}) { token { id } } }"
    await service.ask(revoke, token=admin.text, id=token_id)

    ended, began = await entries(service, target=token_id)

    assert (began["action"], ended["action"]) == ("token.created", "token.revoked")
    assert (began["actor"], began["tokenId"]) == ("boss", admin.token_id)
    assert began["address"] == "127.0.0.1"
    assert began["facts"]["scopes"] == ["ingest"]


async def test_s15_a_conflict_is_written_down_once_a_run_and_the_first_event_stays(
    service: Service,
):
    run = recorded(steps=3)
    await run.send(service)
    others = [event | {"time_ns": event["time_ns"] + 1} for event in run.events]

    answer = await service.data(INGEST, e=others)

    assert {each["code"] for each in answer["ingestEvents"]["rejected"]} == {"conflict"}
    [entry] = await entries(service, target=run.run_id)
    assert (entry["action"], entry["facts"]["count"]) == ("event.conflict", len(others))


async def test_s15_a_run_begun_or_finished_otherwise_is_written_down(service: Service):
    run = recorded(steps=1)
    await run.send(service)

    await service.ask(START, r=run.start | {"name": "another"})
    await service.ask(FINISH, r=run.finish_record() | {"status": "error"})

    assert [each["action"] for each in await entries(service, target=run.run_id)] == [
        "run.conflict",
        "run.conflict",
    ]


async def test_s15_payload_that_is_withheld_is_written_down_once_an_operation(service: Service):
    run = Recording(start={})  # without rules, what it brings is at risk
    refs = [run.ref(f"input.{name}", {"name": name}) for name in ("a", "b")]
    run.end(run.step("r#0", artifacts=refs))
    await run.send(service)
    query = "query($id: ID!) { run(id: $id) { step(sequence: 0) { artifacts { role value } } } }"

    await service.ask(query, id=run.run_id)

    [entry] = await entries(service, action="payload.refused")
    assert entry["facts"]["count"] == 2
    assert entry["facts"]["ids"][0].startswith(run.run_id)


async def test_s15_a_downloaded_recording_is_written_down(service: Service):
    run = recorded(steps=2)
    await run.send(service)
    query = "query($id: ID!) { run(id: $id) { recording(first: 10) { head } } }"

    await service.data(query, id=run.run_id)

    [entry] = await entries(service, target=run.run_id)
    assert entry["action"] == "recording.exported"


async def test_s15_a_replay_that_may_act_outside_is_written_down_with_what_it_may(
    service: Service,
):
    run = recorded(steps=2)
    await run.send(service)
    start = """mutation($id: ID!, $p: JSON) { startReplay(input: {runId: $id, policy: $p,
        executor: HOST, entrypoint: "app:main"}) { sessions { id } } }"""
    may = {"policy": "forkpoint.policy/1", "allow_effects": ["send_money"]}

    await service.data(start, id=run.run_id, p={"policy": "forkpoint.policy/1"})
    await service.data(start, id=run.run_id, p=may)

    [entry] = await entries(service, target=run.run_id)
    assert entry["action"] == "replay.granted"
    assert entry["facts"]["effects"] == ["send_money"]


async def test_s15_deletions_and_other_rules_of_retention_are_written_down(service: Service):
    run = recorded(steps=1)
    await run.send(service)
    delete = """mutation($ids: [ID!]) {
        deleteRuns(input: {runIds: $ids, dryRun: false}) { runs } }"""
    keep = "mutation { setRetention(input: {maxAgeDays: 7}) { retention } }"

    await service.data(delete, ids=[run.run_id])
    answer = await service.data(keep)

    deleted = (await entries(service, action="runs.deleted"))[0]
    changed = (await entries(service, action="retention.changed"))[0]
    assert deleted["facts"] == {"count": 1, "ids": [run.run_id]}
    assert answer["setRetention"]["retention"] == {"max_age_days": 7}
    assert changed["facts"]["after"] == {"max_age_days": 7}


async def test_s15_an_act_that_cannot_be_written_down_is_undone(
    service: Service, database: Database
):
    tokens = "select count(*) from token"
    before = database.sql(tokens)
    database.sql("alter table audit add constraint nobody check (false) not valid")
    try:
        answer = await service.ask(CREATE)
    finally:
        database.sql("alter table audit drop constraint nobody")

    assert answer.errors
    assert database.sql(tokens) == before


@pytest.mark.parametrize("role", ["api", "worker"])
@pytest.mark.parametrize("statement", ["update audit set actor = 'x'", "delete from audit"])
async def test_s15_the_service_may_not_change_or_delete_rows(
    service: Service, database: Database, role: Any, statement: str
):
    with pytest.raises(Exception, match="permission denied"):
        database.sql(statement, role=role)


@pytest.mark.parametrize(
    "tamper",
    [
        "update audit set actor = 'nobody' where seq = 3",
        "delete from audit where seq = 3",
        "delete from audit where seq < 3",
        "update audit set facts = '{}', hash = sha256('x') where seq = 3",
    ],
)
async def test_s15_a_row_that_was_changed_or_lost_breaks_the_chain(
    service: Service, database: Database, tamper: str
):
    await asyncio.gather(*(_note(database, at_ns=number) for number in range(5)))
    assert (await service.data(CHAIN))["auditChain"]["intact"]
    database.sql("create table kept as select * from audit")

    database.sql(tamper)

    assert (await service.data(CHAIN))["auditChain"]["brokenAt"] in ("3", "4")
    database.sql("delete from audit; insert into audit select * from kept; drop table kept")
    assert (await service.data(CHAIN))["auditChain"]["intact"]


async def test_s15_old_rows_go_but_never_those_of_the_last_30_days(fresh_database: Database):
    now = time.time_ns()
    for age in (400, 300, 20, 1):
        await _note(fresh_database, at_ns=now - age * DAY_NS)

    gone = await _trim(fresh_database, before_ns=now - 365 * DAY_NS, now_ns=now)
    asked_for_too_much = await _trim(fresh_database, before_ns=now, now_ns=now)

    assert (gone, asked_for_too_much) == (1, 1)
    left = fresh_database.sql("select seq, action from audit order by seq").splitlines()
    assert [row.split("\t")[0] for row in left] == ["2", "3", "4", "5"]
    assert left[-1].endswith("audit.trimmed")


async def test_s15_another_projects_log_is_not_seen(service: Service, database: Database):
    await _note(database, at_ns=1)
    make_project(database, 2)
    other = give_token(database, project_id=2).text

    answer = await service.ask(AUDIT, token=other)

    assert answer.data["audit"]["nodes"] == []


async def _note(database: Database, *, at_ns: int) -> None:
    opened = Forkpoint(database.url("api"), pool_size=1)
    who = Principal(project_id=1, scopes=frozenset(), name="test")
    async with opened.transaction(1) as connection:
        entry = Entry(action=Action.TOKEN_CREATED, target="a")
        await record(await driver(connection), who, entry, now_ns=at_ns)
    await opened.close()


async def _trim(database: Database, *, before_ns: int, now_ns: int) -> int:
    opened = Forkpoint(database.url("worker"), pool_size=1)
    who = Principal(project_id=1, scopes=frozenset(), name="worker")
    async with opened.transaction(1) as connection:
        gone = await trim(await driver(connection), who, before_ns=before_ns, now_ns=now_ns)
    await opened.close()
    return gone
