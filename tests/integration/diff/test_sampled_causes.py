"""Causes verified by live samples: a worker asks a real endpoint whose answers are drawn."""

from __future__ import annotations

import json
import random
import time
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import pytest
from conversations import Talk, final_of
from forkpoint.capture.assembly import redactor_of
from forkpoint.diff.budget import Limits
from forkpoint.diff.report import to_report
from forkpoint.diff.verified import with_verification
from forkpoint.settings import Settings
from forkpoint_server.db.engine import driver
from forkpoint_server.diff.attributions import Attribution, by_id
from forkpoint_server.diff.comparisons import Comparisons
from forkpoint_server.diff.verification import Wish, begin, prepare
from forkpoint_server.replay.words import Executor
from modelstub import model_stub
from stack import Database as Scratch
from working import PROJECT, Bench, bench

POLICY = {
    "policy": "forkpoint.policy/1",
    "default": {"mode": "cached"},
    "rules": [{"match": {"kind": "model"}, "mode": "live"}],
    "allow_live": {"hosts": ["127.0.0.1"]},
    "budgets": {"calls": 3, "tokens": 9_000, "cost_usd": 1, "wall_s": 60},
}
SMALL, LARGE = {"order": 7, "total": 120.5}, {"order": 7, "total": 9000}


class Clerk:
    """Approves refunds: small ones nearly always, large ones hardly ever; `share` of each."""

    def __init__(self, seed: int, *, small: float, large: float) -> None:
        self.chance = random.Random(seed)
        self.small, self.large = small, large

    def __call__(self, asked: Any) -> tuple[int, Any]:
        share = self.large if '"total":9000' in asked["messages"][-1]["content"] else self.small
        says = "approved" if self.chance.random() < share else "refused"
        drawn = f"chatcmpl-{self.chance.random()}"
        usage = {"prompt_tokens": 20, "completion_tokens": 1}
        return 200, {"id": drawn, "model": "m", **final_of("chat", says), "usage": usage}


def talk(number: int, result: dict[str, object], says: str) -> Talk:
    """A run that asked for a refund of this size and ended with this answer."""
    return Talk(run=f"0190aaaa-0000-7000-8000-{number:012}", result=result, says=says)


async def verified(
    tools: Bench, a: Talk, b: Talk, *, samples: int = 20, limits: Limits | None = None
) -> tuple[Attribution, dict[str, Any]]:
    """The verification when all its replays are over, and the report of the comparison with it."""
    runs = [UUID(await tools.store(each.imported())) for each in (a, b)]
    await tools.worker.work_off()
    comparisons = Comparisons(tools.database, tools.blobs)
    comparison = await comparisons.compare(PROJECT, *runs)
    wish = Wish(
        rows=None,
        samples=samples,
        applies=False,
        limits=limits or Limits(sessions=200),
        policy=POLICY,
        expect=None,
        executor=Executor.LOOP,
        entrypoint=None,
        arguments=None,
        runner=None,
        grants=[],
    )
    now_ns = time.time_ns()
    async with tools.database.transaction(PROJECT) as connection:
        prepared = await prepare(connection, comparisons, PROJECT, comparison, wish, now_ns=now_ns)
        await begin(connection, tools.blobs, prepared, now_ns=now_ns)
    await tools.worker.work_off()
    async with tools.database.reading(PROJECT) as connection:
        raw = await driver(connection)
        found = await by_id(raw, PROJECT, prepared.made.attribution_id)
    assert found is not None and found.state == "finished", found
    return found, with_verification(to_report(comparison), found.report)


@pytest.fixture
async def redactor(tmp_path: Any) -> AsyncIterator[Any]:
    yield redactor_of(Settings(data=tmp_path))


async def test_a_tool_output_that_shifts_the_odds_is_verified_with_intervals(
    fresh_database: Scratch, redactor: Any
):
    clerk = Clerk(4, small=0.9, large=0.1)
    async with (
        model_stub(clerk) as stub,
        bench(fresh_database, redactor=redactor, providers=(stub.provider(),)) as tools,
    ):
        found, report = await verified(tools, talk(1, SMALL, "approved"), talk(2, LARGE, "refused"))
    [root], keep = report["roots"], found.report["keep"]

    assert (root["name"], root["word"]) == ("refund", "verified")
    assert root["revert"]["n"] == keep["n"] in (10, 20)  # type: ignore[index]
    assert 0.5 < root["revert"]["hits"] / root["revert"]["n"] < 1
    assert root["revert"]["interval"][0] > keep["interval"][1]  # type: ignore[index]
    assert not found.report["deterministic"]
    assert report["spent"]["calls"] == len(stub.asked) == report["spent"]["sessions"] - 1
    assert report["spent"]["tokens"] == 21 * len(stub.asked)


async def test_two_runs_that_differ_by_chance_have_no_cause_and_could_be_sampling(
    fresh_database: Scratch, redactor: Any
):
    """`test_negative_control` through a real service: A's own replays draw B's answer."""
    async with (
        model_stub(Clerk(5, small=0.5, large=0)) as stub,
        bench(fresh_database, redactor=redactor, providers=(stub.provider(),)) as tools,
    ):
        found, report = await verified(
            tools, talk(1, SMALL, "approved"), talk(2, SMALL, "refused"), samples=5
        )
    [root] = report["roots"]

    assert (root["class"], root["sub"], root["couldBeSampling"]) == ("origin", "sampling", True)
    assert root["word"] != "verified"
    assert root["again"]["n"] == 5 and 0 < root["again"]["asB"] < 5
    assert found.report["noise"]["n"] == 5  # type: ignore[index]


async def test_an_answer_that_a_never_draws_is_no_sampling(fresh_database: Scratch, redactor: Any):
    async with (
        model_stub(Clerk(6, small=1, large=0)) as stub,
        bench(fresh_database, redactor=redactor, providers=(stub.provider(),)) as tools,
    ):
        _, report = await verified(
            tools, talk(1, SMALL, "approved"), talk(2, SMALL, "refused"), samples=5
        )

    [root] = report["roots"]
    assert root["again"] == {"n": 5, "asB": 0} and root["couldBeSampling"] is False


async def test_a_spent_budget_leaves_the_word_open_and_says_what_would_decide(
    fresh_database: Scratch, redactor: Any
):
    async with (
        model_stub(Clerk(7, small=1, large=0)) as stub,
        bench(fresh_database, redactor=redactor, providers=(stub.provider(),)) as tools,
    ):
        limits = Limits(sessions=200, calls=9)
        found, report = await verified(
            tools, talk(1, SMALL, "approved"), talk(2, LARGE, "refused"), limits=limits
        )

    assert (found.report["stopped"], report["roots"][0]["word"]) == ("budget", "undetermined")
    assert found.report["samplesNeeded"] == 5
    assert report["spent"]["calls"] == len(stub.asked) <= 9
    assert {"section": "verification", "reason": "budget", "retry": True} in report["missing"]
    assert json.dumps(report)
