"""Lists of runs: every order is total, filters compose, figures add up."""

from __future__ import annotations

import random
from typing import Any

import pytest
from forkpoint.events.kinds import Kind
from recorded import BEGIN_NS, Recording
from serving import Service, serving, settings_for
from stack import Database

PAGE = """query($first: Int!, $after: String, $order: RunOrder!, $filter: RunFilter) {
    runs(first: $first, after: $after, orderBy: $order, filter: $filter) {
        totalCount nodes { id name } pageInfo { endCursor hasNextPage } } }"""
STATS = """query($by: RunGroup!, $filter: RunFilter) { runStats(groupBy: $by, filter: $filter) {
    group runs errors steps tokens costMicroUsd } }"""


async def names(service: Service, **filter: Any) -> list[str]:
    found = await service.data(PAGE, first=200, order="NAME_ASC", filter=filter)
    assert found["runs"]["totalCount"] == len(found["runs"]["nodes"])
    return [run["name"] for run in found["runs"]["nodes"]]


@pytest.mark.parametrize(
    "order", ["STARTED_DESC", "STARTED_ASC", "DURATION_DESC", "COST_DESC", "NAME_ASC"]
)
async def test_every_order_pages_without_hole_or_double(service: Service, order: str):
    tag = f"order-{order}"
    sent = [Recording(name=f"n{n % 3}", start={"tags": (tag,)}) for n in range(11)]
    random.Random(order).shuffle(sent)
    for run in sent:
        await run.send(service)

    seen: list[str] = []
    page: dict[str, Any] = {"hasNextPage": True, "endCursor": None}
    while page["hasNextPage"]:
        found = await service.data(
            PAGE, first=4, after=page["endCursor"], order=order, filter={"tag": tag}
        )
        seen += [run["id"] for run in found["runs"]["nodes"]]
        page = found["runs"]["pageInfo"]

    assert sorted(seen) == sorted(run.run_id for run in sent)


async def test_filters_leave_the_runs_they_mean(fresh_database: Database, tmp_path: Any):
    async with serving(settings_for(fresh_database, tmp_path)) as service:
        failed = Recording(name="failed", start={"tags": ("prod",)})
        failed.end(failed.step("r#0", kind=Kind.TOOL, name="refund"), status="error", tokens_out=7)
        await failed.send(service)
        asked = Recording(name="100%_asked")
        asked.call("r#0", model="gpt-9")
        await asked.send(service)

        assert await names(service) == ["100%_asked", "failed"]
        assert await names(service, tool="refund") == ["failed"]
        assert await names(service, model="gpt-9") == ["100%_asked"]
        assert await names(service, kind="TOOL", tag="prod") == ["failed"]
        assert await names(service, kind="MODEL", tag="prod") == []
        assert await names(service, text="0%_a") == ["100%_asked"]
        assert await names(service, text="%") == ["100%_asked"]
        assert await names(service, status=["RUNNING", "ERROR"]) == []
        assert await names(service, since=str(BEGIN_NS), until=str(BEGIN_NS)) == []
        assert await names(service, ids=[failed.run_id, "nonsense"]) == ["failed"]
        assert await names(service, durationOverNs=10**12) == []


@pytest.mark.parametrize(
    ("group", "expected"),
    [
        ("NAME", {"a": 2, "b": 1}),
        ("STATUS", {"ok": 3}),
        ("TAG", {"x": 3, "y": 1}),
        ("TOOL", {"refund": 1}),
        ("MODEL", {"m1": 2}),
        ("DAY", {"2026-09-21": 3}),
    ],
)
async def test_figures_count_each_run_once_in_its_group(
    service: Service, database: Database, group: str, expected: dict[str, int]
):
    mark = f"figures-{group}"
    for name, tags, fields in (
        ("a", ("x", "y"), {"kind": Kind.TOOL, "name": "refund"}),
        ("a", ("x",), {"model": "m1"}),
        ("b", ("x",), {"model": "m1"}),
    ):
        run = Recording(name=name, start={"tags": tags, "code_version": mark})
        run.call("r#0", **fields)
        run.call("r#1", **fields)
        await run.send(service)
    ids = database.sql(f"select run_id from run where code_version = '{mark}'").split()

    found = await service.data(STATS, by=group, filter={"ids": ids})

    assert {row["group"]: row["runs"] for row in found["runStats"]} == expected


async def test_deleting_asks_first_and_then_leaves_nothing(service: Service):
    query = """mutation($ids: [ID!], $dry: Boolean!) {
        deleteRuns(input: {runIds: $ids, dryRun: $dry}) {
        dryRun runs steps runIds more } }"""
    run = Recording(name="doomed")
    run.call("r#0")
    await run.send(service)

    asked = (await service.data(query, ids=[run.run_id], dry=True))["deleteRuns"]
    kept = await names(service, ids=[run.run_id])
    done = (await service.data(query, ids=[run.run_id], dry=False))["deleteRuns"]

    assert asked == {
        "dryRun": True,
        "runs": 1,
        "steps": "1",
        "runIds": [run.run_id],
        "more": False,
    }
    assert kept == ["doomed"]
    assert done["runs"] == 1
    assert await names(service, ids=[run.run_id]) == []
