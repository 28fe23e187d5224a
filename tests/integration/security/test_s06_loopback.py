"""S6: without tokens only this machine is served, under names that are ours."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from forkpoint_server.__main__ import bind_refusal
from serving import Service, serving, settings_for
from stack import Database
from tenants import give_token
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

ROUTES = (
    "/graphql",
    "/v1/events",
    f"/v1/artifacts/{'A' * 43}",
    "/healthz",
    "/readyz",
    "/metrics",
    "/",
    "/runs",
)


@pytest.mark.parametrize("route", ROUTES)
async def test_s06_a_foreign_host_is_misdirected(service: Service, route: str):
    answer = await service.client.get(route, headers={"host": "evil.example"})

    assert answer.status_code == 421


async def test_s06_a_foreign_host_opens_no_socket(service: Service):
    address = ("127.0.0.1", int(service.url.rpartition(":")[2]))
    with pytest.raises(InvalidStatus) as refused:
        async with connect("ws://evil.example/graphql", host=address[0], port=address[1]):
            pass

    assert refused.value.response.status_code == 403


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost:4600", "[::1]:4600", "LOCALHOST"])
async def test_s06_loopback_names_are_served(service: Service, host: str):
    answer = await service.client.get("/healthz", headers={"host": host})

    assert answer.status_code == 200


async def test_s06_an_allowed_name_is_served(database: Database, tmp_path: Path):
    settings = settings_for(database, tmp_path, allowed_hosts=frozenset({"forkpoint.internal"}))
    async with serving(settings) as service:
        answer = await service.client.get("/healthz", headers={"host": "forkpoint.internal"})

    assert answer.status_code == 200


async def test_s06_where_tokens_are_required_loopback_needs_one_too(
    database: Database, tmp_path: Path
):
    async with serving(settings_for(database, tmp_path, require_token=True)) as service:
        without = await service.ask("{ project { id } }")
        with_one = await service.ask("{ project { id } }", token=give_token(database).text)

    assert (without.status, without.code) == (401, "UNAUTHENTICATED")
    assert with_one.status == 200


async def test_s06_no_forwarding_header_is_believed(database: Database, tmp_path: Path):
    async with serving(settings_for(database, tmp_path)) as service:
        answer = await service.client.post(
            "/graphql",
            json={"query": "{ __typename }"},
            headers={"x-forwarded-for": "8.8.8.8", "forwarded": "for=8.8.8.8"},
        )

    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"FORKPOINT_HOST": "0.0.0.0"}, "FORKPOINT_REQUIRE_TOKEN"),
        ({"FORKPOINT_PORT": "many"}, "FORKPOINT_PORT"),
        ({"FORKPOINT_DATABASE_URL": ""}, "FORKPOINT_DATABASE_URL"),
    ],
)
def test_s06_the_program_refuses_to_start_with_status_2(
    database: Database, environment: dict[str, str], said: str
):
    kept = {"PATH": os.defpath, "FORKPOINT_DATABASE_URL": database.url()}

    ended = subprocess.run(
        [sys.executable, "-m", "forkpoint_server"],
        env=kept | environment,
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert (ended.returncode, ended.stdout) == (2, "")
    assert said in ended.stderr


async def test_s06_an_open_address_is_refused_until_tokens_are_required_and_exist(
    fresh_database: Database, tmp_path: Path
):
    loopback = settings_for(fresh_database, tmp_path)
    open_to_all = settings_for(fresh_database, tmp_path, host="0.0.0.0")
    required = settings_for(fresh_database, tmp_path, host="0.0.0.0", require_token=True)

    before = [await bind_refusal(settings) for settings in (loopback, open_to_all, required)]
    give_token(fresh_database)
    after = await bind_refusal(required)

    assert before[0] is None
    assert "FORKPOINT_REQUIRE_TOKEN" in (before[1] or "")
    assert "no token" in (before[2] or "")
    assert after is None
