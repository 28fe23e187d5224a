"""S1, S2: one media type, one method, our own origin; nothing else does anything."""

from __future__ import annotations

import itertools

import pytest
from recorded import START, recorded
from serving import Service, json_text
from stack import Database

SIMPLE = ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x")
ORIGINS = (None, "http://evil.example", "null", "https://127.0.0.1.evil.example")


@pytest.mark.parametrize("media", SIMPLE)
@pytest.mark.parametrize("route", ["/graphql", "/v1/events"])
async def test_s02_simple_requests_of_any_page_do_nothing(
    service: Service, database: Database, media: str, route: str
):
    run = recorded(steps=1)
    body = json_text({"query": START, "variables": {"r": run.start}})

    for method, origin in itertools.product(("POST", "GET", "HEAD"), ORIGINS):
        headers = {"content-type": media} | ({"origin": origin} if origin else {})
        answer = await service.client.request(method, route, content=body, headers=headers)
        assert answer.status_code in (403, 405, 415), (method, origin)

    assert database.sql(f"select count(*) from run where run_id = '{run.run_id}'").strip() == "0"


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://127.0.0.1:1"])
async def test_s02_json_of_a_foreign_page_needs_a_token(service: Service, origin: str):
    answer = await service.client.post(
        "/graphql", json={"query": "{ __typename }"}, headers={"origin": origin}
    )

    assert answer.status_code == 403
    assert answer.json()["errors"][0]["extensions"]["code"] == "FORBIDDEN"


async def test_s02_our_own_page_needs_none(service: Service):
    answer = await service.client.post(
        "/graphql", json={"query": "{ __typename }"}, headers={"origin": service.url}
    )

    assert answer.json() == {"data": {"__typename": "Query"}}


async def test_s01_batches_are_refused(service: Service):
    answer = await service.client.post("/graphql", json=[{"query": "{ __typename }"}] * 2)

    assert (answer.status_code, answer.json()["errors"][0]["extensions"]["code"]) == (
        400,
        "BAD_REQUEST",
    )


async def test_s01_a_body_over_its_limit_is_refused(service: Service):
    body = json_text({"query": "{ __typename }", "variables": {"x": "y" * 5_000_000}})

    answer = await service.client.post(
        "/graphql", content=body, headers={"content-type": "application/json"}
    )

    assert answer.status_code == 413
    assert answer.json()["errors"][0]["extensions"]["limit"] == "body"


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("{ nonsense }", "BAD_REQUEST"),
        ("{ unclosed", "BAD_REQUEST"),
        ("{ " + "a " * 3_000 + "}", "LIMIT_EXCEEDED"),
        ("#" + "x" * 40_000 + "\n{ __typename }", "LIMIT_EXCEEDED"),
        ("subscription { runsChanged }", "BAD_REQUEST"),
    ],
)
async def test_s01_what_cannot_execute_is_400_or_413_with_a_code(
    service: Service, query: str, code: str
):
    answer = await service.ask(query)

    assert answer.status in (400, 413)
    assert answer.code == code


async def test_s01_a_refused_value_is_not_repeated(service: Service):
    answer = await service.ask("query($n: Int!) { runs(first: $n) { totalCount } }", n="hunter2")

    assert answer.code == "BAD_REQUEST"
    assert "hunter2" not in str(answer.errors)


@pytest.mark.parametrize("first", [0, -1, 201])
async def test_s01_pages_have_one_to_two_hundred_rows(service: Service, first: int):
    answer = await service.ask("query($n: Int!) { runs(first: $n) { totalCount } }", n=first)

    assert answer.code == "LIMIT_EXCEEDED"
