"""S4: what belongs to another project is answered with the same bytes as what does not exist."""

from __future__ import annotations

import pytest
from recorded import Recording, recorded
from serving import Answer, Service
from stack import Database
from subscribing import RUN_EVENTS, socket_of
from tenants import give_token, make_project

ABSENT = "0198c0de-0000-7000-8000-00000000dead"

QUESTIONS = {
    "run": "query($id: ID!) { run(id: $id) { name } }",
    "run of a step": "query($id: ID!) { step(id: $id) { name } }",
    "runs by id": "query($id: ID!) { runs(filter: {ids: [$id]}) { totalCount nodes { id } } }",
    "forks of a run": "query($id: ID!) { runs(filter: {forkOf: $id}) { totalCount } }",
    "timeline": "query($id: ID!) { timeline(runId: $id, width: 100) { head } }",
    "skeleton": "query($id: ID!) { skeleton(runId: $id) { rows } }",
    "statistics": "query($id: ID!) { runStats(filter: {ids: [$id]}) { runs } }",
    "diff": "query($id: ID!) { diff(a: $id, b: $id) { verdict } }",
    "revoke": "mutation($id: ID!) { revokeToken(input: {id: $id}) { token { id } } }",
}


async def foreign_run(service: Service, database: Database) -> Recording:
    """A run of project 1, as seen by a token of project 2."""
    run = recorded(steps=2)
    await run.send(service)
    make_project(database, 2)
    return run


def without_ids(answer: Answer) -> object:
    return answer.status, answer.data, answer.errors


@pytest.mark.parametrize("question", QUESTIONS)
async def test_s04_another_projects_id_reads_like_an_absent_one(
    service: Service, database: Database, question: str
):
    run = await foreign_run(service, database)
    other = give_token(database, project_id=2).text
    token_of_one = give_token(database).token_id
    foreign = {"run of a step": f"{run.run_id}:0", "revoke": token_of_one}.get(question, run.run_id)

    theirs = await service.ask(QUESTIONS[question], token=other, id=foreign)
    absent = await service.ask(QUESTIONS[question], token=other, id=ABSENT)

    assert without_ids(theirs) == without_ids(absent)


async def test_s04_another_projects_run_takes_no_events(service: Service, database: Database):
    run = await foreign_run(service, database)
    other = give_token(database, project_id=2).text
    query = """mutation($e: JSON!) { ingestEvents(input: {events: $e}) {
        accepted rejected { code } } }"""

    answer = await service.ask(query, token=other, e=run.events)

    assert answer.data["ingestEvents"]["accepted"] == 0
    assert {event["code"] for event in answer.data["ingestEvents"]["rejected"]} == {"unknown_run"}


async def test_s04_another_projects_run_cannot_be_followed(service: Service, database: Database):
    run = await foreign_run(service, database)
    other = give_token(database, project_id=2).text

    async with socket_of(service, token=other) as socket:
        await socket.subscribe(RUN_EVENTS, run=run.run_id, after="-1")
        message = await socket.receive()

    assert message["payload"]["errors"][0]["extensions"]["code"] == "NOT_FOUND"


async def test_s04_another_projects_payload_is_not_found(service: Service, database: Database):
    run = Recording()
    ref = run.ref("output", {"private": True})
    run.end(run.step("r#0"), artifacts=[ref])
    await run.send(service)
    make_project(database, 2)
    other = give_token(database, project_id=2).text

    answer = await service.client.get(
        f"/v1/artifacts/{ref.root}", headers={"authorization": f"Bearer {other}"}
    )

    assert answer.status_code == 404
