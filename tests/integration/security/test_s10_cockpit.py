"""S10: the cockpit's page under its policy, its files, and nothing else of the folder."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
from serving import Service, serving, settings_for
from stack import Database

PAGE = '<!doctype html><meta property="csp-nonce" nonce="__CSP_NONCE__"><div id=root></div>'
ROUTES = (
    "/",
    "/runs",
    "/runs/x/steps/4?view=tree",
    "/diff/a...b",
    "/incidents",
    "/incidents/7",
    "/settings/tokens",
    "/replays/s",
    "/sign-in",
)


@pytest.fixture
async def built(database: Database, tmp_path: Path) -> AsyncGenerator[Service]:
    """A service with a built cockpit."""
    dist = tmp_path / "dist"
    (dist / "assets").mkdir(parents=True)
    (dist / "index.html").write_text(PAGE)
    (dist / "favicon.svg").write_text("<svg/>")
    (dist / "assets" / "main-abc.js").write_text("1")
    (tmp_path / "secret").write_text("no")
    async with serving(settings_for(database, tmp_path, cockpit=dist)) as service:
        yield service


@pytest.mark.parametrize("route", ROUTES)
async def test_s10_every_route_of_the_cockpit_gives_its_page(built: Service, route: str):
    answer = await built.client.get(route)

    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/html")
    assert "id=root" in answer.text


async def test_s10_each_page_has_a_nonce_of_its_own_in_page_and_policy(built: Service):
    first, second = [await built.client.get("/runs") for _ in range(2)]

    nonces = [re.search(r'nonce="([^"]+)"', page.text) for page in (first, second)]
    assert all(nonces)
    assert nonces[0] and nonces[1]
    assert nonces[0][1] != nonces[1][1]
    policy = first.headers["content-security-policy"]
    assert f"style-src 'self' 'nonce-{nonces[0][1]}'" in policy
    assert policy.startswith("default-src 'none'; script-src 'self'; ")
    assert policy.endswith("require-trusted-types-for 'script'; trusted-types 'none'")


async def test_s10_files_are_served_with_their_types(built: Service):
    script = await built.client.get("/assets/main-abc.js")
    icon = await built.client.get("/favicon.svg")

    assert script.headers["content-type"].startswith("text/javascript")
    assert "immutable" in script.headers["cache-control"]
    assert icon.headers["content-type"] == "image/svg+xml"
    assert {r.headers["x-content-type-options"] for r in (script, icon)} == {"nosniff"}


@pytest.mark.parametrize("path", ["/../secret", "/%2e%2e/secret", "/assets/..%2f..%2fsecret", "/x"])
async def test_s10_nothing_outside_the_folder_is_served(built: Service, path: str):
    answer = await built.client.get(path)

    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == "NOT_FOUND"


async def test_without_a_built_cockpit_the_page_says_how_to_build_it(
    database: Database, tmp_path: Path
):
    settings = settings_for(database, tmp_path, cockpit=tmp_path / "absent")
    async with serving(settings) as service:
        answer = await service.client.get("/")

    assert answer.status_code == 200
    assert "not built" in answer.text


async def test_metrics_count_requests_by_route_and_not_by_id(built: Service):
    await built.client.get("/runs/a-very-special-id")

    answer = await built.client.get("/metrics")

    assert 'route="/runs/{rest:path}"' in answer.text
    assert "a-very-special-id" not in answer.text


async def test_s10_a_file_that_a_new_build_took_away_is_not_found(built: Service, tmp_path: Path):
    (tmp_path / "dist" / "assets" / "main-abc.js").unlink()

    assert (await built.client.get("/assets/main-abc.js")).status_code == 404
