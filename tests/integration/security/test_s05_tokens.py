"""S5: tokens and what each scope gives."""

from __future__ import annotations

import pytest
from forkpoint_server.security.scopes import Scope
from recorded import INGEST, Recording, recorded
from serving import Service
from stack import Database
from tenants import give_token

CREATE = """mutation($name: String!, $scopes: [String!]!) {
    createToken(input: {name: $name, scopes: $scopes}) { secret token { id name scopes } } }"""

OPERATIONS = {
    Scope.INGEST: ("mutation { ingestEvents(input: {events: []}) { accepted } }",),
    Scope.READ_META: (
        "{ project { name } }",
        "{ runs { totalCount } }",
        "{ runStats { runs } }",
    ),
    Scope.ADMIN: (
        "{ tokens { id } }",
        "mutation { deleteRuns(input: {runIds: [], dryRun: true}) { runs } }",
    ),
}
EACH = [(needed, query) for needed, queries in OPERATIONS.items() for query in queries]


@pytest.mark.parametrize("given", Scope)
async def test_s05_a_scope_gives_its_operations_and_no_others(
    service: Service, database: Database, given: Scope
):
    token = give_token(database, scopes=[given], name=f"{given}").text

    answers = {query: await service.ask(query, token=token) for _, query in EACH}

    for needed, query in EACH:
        if given is needed:
            assert not answers[query].errors
        else:
            assert answers[query].code == "FORBIDDEN"
            assert answers[query].errors[0]["extensions"]["scope"] == needed


async def test_s05_without_read_payload_no_digest_and_no_value_is_seen(
    service: Service, database: Database
):
    run = Recording()
    step = run.step("r#0", artifacts=[run.ref("input.args", {"a": 1})], signature="A" * 43)
    run.end(step)
    await run.send(service)
    token = give_token(database, scopes=[Scope.READ_META]).text
    query = """query($id: ID!) { run(id: $id) { step(sequence: 0) {
        signature parts { root } artifacts { root value } } } }"""

    answer = await service.ask(query, token=token, id=run.run_id)

    step_seen = answer.data["run"]["step"]
    assert step_seen["signature"] is None
    assert step_seen["parts"] == [{"root": None}]
    assert step_seen["artifacts"] == [{"root": None, "value": None}]
    assert answer.code == "FORBIDDEN"


async def test_s05_an_ingest_token_reads_nothing_of_the_run_it_starts(
    service: Service, database: Database
):
    run = recorded(steps=1)
    await run.send_start(service)
    token = give_token(database, scopes=[Scope.INGEST]).text
    query = """mutation($r: JSON!) { startRun(input: {record: $r}) {
        run { id steps { nodes { name } } } } }"""

    answer = await service.ask(query, token=token, r=run.start)

    assert answer.code == "FORBIDDEN"


async def test_s05_a_made_token_is_shown_once_and_works(service: Service):
    made = (await service.data(CREATE, name="ci", scopes=["ingest"]))["createToken"]
    run = recorded(steps=1)
    await run.send_start(service)

    answer = await service.ask(INGEST, token=made["secret"], e=run.events)
    listed = (await service.data("{ tokens { id name scopes } }"))["tokens"]

    assert answer.data["ingestEvents"]["accepted"] == 2
    assert made["token"] in listed
    assert made["secret"] not in str(listed)


async def test_s05_two_tokens_of_a_name_live_during_rotation_and_a_third_is_refused(
    service: Service,
):
    first = (await service.data(CREATE, name="rotated", scopes=["read:meta"]))["createToken"]
    second = (await service.data(CREATE, name="rotated", scopes=["read:meta"]))["createToken"]
    third = await service.ask(CREATE, name="rotated", scopes=["read:meta"])

    both = [await service.ask("{ project { id } }", token=t["secret"]) for t in (first, second)]
    await service.data(
        "mutation($id: ID!) { revokeToken(input: {id: $id}) { token { id } } }",
        id=first["token"]["id"],
    )
    revoked = await service.ask("{ project { id } }", token=first["secret"])
    kept = await service.ask("{ project { id } }", token=second["secret"])

    assert third.code == "CONFLICT"
    assert [answer.status for answer in both] == [200, 200]
    assert (revoked.status, revoked.code) == (401, "UNAUTHENTICATED")
    assert kept.status == 200


async def test_s05_an_expired_token_is_refused(service: Service, database: Database):
    token = give_token(database, expires_ns=1)

    answer = await service.ask("{ project { id } }", token=token.text)

    assert (answer.status, answer.code) == (401, "UNAUTHENTICATED")


async def test_s05_a_wrong_secret_under_a_known_id_is_refused(service: Service, database: Database):
    known, other = give_token(database), give_token(database)
    forged = type(known)(kind="svc", token_id=known.token_id, secret=other.secret)

    answer = await service.ask("{ project { id } }", token=forged.text)

    assert answer.status == 401


async def test_s05_after_many_refused_tokens_an_address_must_wait(
    database: Database, service: Service
):
    good = give_token(database).text
    statuses: list[int] = []
    while 429 not in statuses and len(statuses) < 1_000:
        statuses.append((await service.ask("{ project { id } }", token="fp_pat_wrong")).status)

    after = await service.ask("{ project { id } }", token=good)

    assert statuses[:20] == [401] * 20
    assert (after.status, after.code) == (429, "RATE_LIMITED")


async def test_s05_introspection_is_closed_to_tokens(service: Service, database: Database):
    token = give_token(database).text

    refused = await service.ask("{ __schema { queryType { name } } }", token=token)
    allowed = await service.ask("{ __schema { queryType { name } } }")

    assert refused.code == "FORBIDDEN"
    assert allowed.data == {"__schema": {"queryType": {"name": "Query"}}}
