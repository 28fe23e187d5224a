"""Causes verified through the API by a real runner: the planted one is found, the decoy is not."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from forkpoint_cli.errors import Refused
from shop import POLICY, Shop, open_shop

VERIFY = """
mutation ($i: VerifyCauseInput!) { verifyCause(input: $i) {
  plan { least most roots { row key name edits } replay { executor waits refusals { code } } }
  attribution { id state }
} }"""
STATE = """
query ($a: ID!, $b: ID!) { diff(a: $a, b: $b) {
  report attribution { id state reason message awaits report }
} }"""
FOLLOW = "subscription ($id: ID!) { attributionProgress(id: $id) { n state } }"
CANCEL = """
mutation ($id: ID!) { cancelVerification(input: {attribution: $id}) { attribution { state } } }"""


def verify(shop: Shop, pair: tuple[str, str], **more: object) -> dict[str, Any]:
    given = {"a": pair[0], "b": pair[1], "entrypoint": shop.entry, "policy": POLICY, **more}
    found: Any = shop.service.ask(VERIFY, i=given)["verifyCause"]
    return found


def until_over(shop: Shop, pair: tuple[str, str]) -> dict[str, Any]:
    """Follow the verification to its end; each of its states came in order."""
    begun: Any = shop.service.ask(STATE, a=pair[0], b=pair[1])["diff"]
    told = asyncio.run(followed(shop, begun["attribution"]["id"]))
    assert told == sorted(set(told))
    found: Any = shop.service.ask(STATE, a=pair[0], b=pair[1])["diff"]
    assert found["attribution"]["state"] != "running"
    return found


async def followed(shop: Shop, attribution: str) -> list[int]:
    stream = shop.service.subscribe(FOLLOW, id=attribution)
    return [answer["attributionProgress"]["n"] async for answer in stream]  # type: ignore[index]


@pytest.fixture(scope="module")
def shop(server: str, tmp_path_factory: pytest.TempPathFactory) -> Shop:
    return open_shop(server, tmp_path_factory.mktemp("shop"))


@pytest.fixture(scope="module")
def runner(shop: Shop) -> Iterator[None]:
    with shop.runner():
        yield


@pytest.fixture(scope="module")
def pair(shop: Shop) -> tuple[str, str]:
    good = shop.visit(bottles=3, sky="a clear sky over all of the valley")
    return good, shop.visit(bottles=0, sky="heavy rain over all of the valley")


@pytest.fixture(scope="module")
def promoted(shop: Shop) -> str:
    return shop.visit(bottles=3, sky="heavy rain over all of the valley", promo=True)


def words(found: Mapping[str, Any]) -> dict[str, str]:
    return {root["name"]: root["word"] for root in found["report"]["roots"]}


def test_the_plan_says_what_would_be_set_back_before_anything_begins(
    shop: Shop, pair: tuple[str, str]
):
    planned = verify(shop, pair, dryRun=True)

    assert planned["attribution"] is None
    assert {root["key"]: root["edits"] for root in planned["plan"]["roots"]} == {
        "r#0": ["output"],
        "r#1": ["output"],
    }
    assert (planned["plan"]["least"], planned["plan"]["most"]) == (6, 82)
    assert planned["plan"]["replay"]["waits"] == f"no runner with {shop.entry} is online"


def test_the_planted_cause_is_verified_and_the_decoy_refuted(
    shop: Shop, runner: None, pair: tuple[str, str]
):
    verify(shop, pair)
    found = until_over(shop, pair)

    report = found["attribution"]["report"]
    assert found["attribution"]["state"] == "finished", found["attribution"]
    assert {root["key"]: root["word"] for root in report["roots"]} == {
        "r#0": "verified",
        "r#1": "refuted",
    }
    assert report["deterministic"] and report["sessions"] == 6
    roots = {root["a"]: root for root in found["report"]["roots"]}
    assert found["report"]["attribution"] == "verified"
    assert (roots["r#0"]["tier"], roots["r#0"]["revert"]) == ("verified", {"n": 1, "hits": 1})
    assert found["report"]["spent"]["sessions"] == 6


@pytest.mark.parametrize("edit", ["drop", "insert"])
def test_a_call_that_only_one_run_made_is_taken_away_or_put_back(
    shop: Shop, runner: None, pair: tuple[str, str], promoted: str, edit: str
):
    runs = (pair[0], promoted) if edit == "drop" else (promoted, pair[0])
    planned = verify(shop, runs)
    found = until_over(shop, runs)

    edits = {root["name"]: root["edits"] for root in planned["plan"]["roots"]}
    assert edits == {"banner": [edit], "look": ["output"]}
    assert words(found["attribution"]) == {"banner": "verified", "look": "refuted"}


def test_a_stopped_verification_ends_and_equal_outcomes_have_no_cause(
    shop: Shop, pair: tuple[str, str]
):
    begun = verify(shop, pair, entrypoint=f"{shop.entry}-offline")["attribution"]
    ended: Any = shop.service.ask(CANCEL, id=begun["id"])["cancelVerification"]

    assert ended["attribution"]["state"] == "cancelled"
    with pytest.raises(Refused, match="same outcome"):
        verify(shop, (pair[0], pair[0]))
