"""The arms of a verification: what each replays, within which budget, and what it came to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import cast

from forkpoint.content import digest_from_text
from forkpoint.diff.counterfactual import Expectations, Root, ended_as_a, meets
from forkpoint.diff.verify import Sample
from sqlalchemy.ext.asyncio import AsyncConnection

from forkpoint_server.artifacts.store import BlobStore
from forkpoint_server.artifacts.trees import value_at
from forkpoint_server.diff.attributions import Attribution
from forkpoint_server.diff.samples import BASELINE, OF_A, RAN, Ended, Known, Limits, reverted_of
from forkpoint_server.replay.plans import Asked
from forkpoint_server.replay.words import Executor


async def known_of(
    connection: AsyncConnection, blobs: BlobStore | None, held: Attribution, ended: Sequence[Ended]
) -> Known:
    """What the sessions that are over have shown."""
    samples: dict[str, dict[int, Sample | None]] = {}
    proven: bool | None = None
    for one in ended:
        samples.setdefault(one.arm, {})[one.sample] = None
        if one.is_open:
            continue
        hit = one.arm != BASELINE and await _is_as_a(connection, blobs, held, one)
        samples[one.arm][one.sample] = Sample(
            hit=hit, live_calls=one.calls, tokens=one.tokens, cost_micro_usd=one.cost
        )
        if one.arm == BASELINE:
            proven = one.verdict == "identical"
    roots = [root for root in roots_in(held) if root.edits]
    return Known(samples=samples, proven=proven, limits=limits_of(held), roots=len(roots))


async def _is_as_a(
    connection: AsyncConnection, blobs: BlobStore | None, held: Attribution, one: Ended
) -> bool:
    if one.verdict not in RAN or one.run_status is None:
        return False
    a, b = cast("Sequence[Sequence[str]]", held.spec["ends"])
    expect = cast("Expectations | None", held.spec["expect"])
    if expect is None:
        return ended_as_a((a[0], a[1]), (b[0], b[1]), (one.run_status, one.output))
    mine = await _meets(connection, blobs, held, one.output, expect)
    return mine == await _meets(connection, blobs, held, a[1], expect)


async def _meets(
    connection: AsyncConnection,
    blobs: BlobStore | None,
    held: Attribution,
    output: str | None,
    expect: Expectations,
) -> bool:
    if output is None:
        return False
    root = digest_from_text(output)
    value = await value_at(connection, held.project_id, root, blobs=blobs)
    return meets(value, expect)


def left_of(held: Attribution, known: Known) -> Limits:
    """What each wanted session may use, of what the ones before have left."""
    spent = cast("dict[str, int]", known.used()["spent"])
    limits, share = limits_of(held), max(1, len(known.wanted))

    def left(limit: int | None, used: int) -> int | None:
        return None if limit is None else max(0, limit - used) // share

    return replace(
        limits,
        calls=left(limits.calls, spent["calls"]),
        tokens=left(limits.tokens, spent["tokens"]),
        cost_micro_usd=left(limits.cost_micro_usd, spent["costMicros"]),
    )


def asked_of(held: Attribution, arm: str, limits: Limits) -> Asked:
    """The replay of one sample of an arm."""
    spec = held.spec
    starts = cast("Sequence[str]", spec["starts"])
    common = Asked(
        run_id=str(held.a if arm == OF_A else held.b),
        executor=Executor(str(spec["executor"])),
        runner=cast("str | None", spec["runner"]),
        entrypoint=cast("str | None", spec["entrypoint"]),
        arguments=cast("Mapping[str, object] | None", spec["arguments"]),
        grants=cast("Sequence[str]", spec["grants"]),
    )
    if arm == BASELINE:
        return common
    rows = () if arm == OF_A else reverted_of(arm)
    return replace(
        common,
        cut={"key": starts[0 if arm == OF_A else 1], "side": "before"},
        edits=[edit for root in roots_in(held) if root.row in rows for edit in root.edits],
        policy=_within(cast("Mapping[str, object]", spec["policy"]), limits),
    )


def _within(policy: Mapping[str, object], limits: Limits) -> Mapping[str, object]:
    """The policy with no more budget than is left."""
    budgets = dict(cast("Mapping[str, float]", policy.get("budgets") or {}))
    most = {
        "calls": limits.calls,
        "tokens": limits.tokens,
        "cost_usd": None if limits.cost_micro_usd is None else limits.cost_micro_usd / 1e6,
    }
    for name, left in most.items():
        if left is not None and name in budgets:
            budgets[name] = min(budgets[name], left)
    return {**policy, "budgets": budgets} if budgets else policy


def roots_in(held: Attribution) -> list[Root]:
    """The roots of a verification, in the order in which they are tried."""
    listed = cast("Sequence[Mapping[str, object]]", held.spec["roots"])
    return [
        Root(
            row=cast("int", root["row"]),
            key=str(root["key"]),
            name=str(root["name"]),
            edits=tuple(cast("Sequence[Mapping[str, object]]", root["edits"])),
        )
        for root in listed
    ]


def limits_of(held: Attribution) -> Limits:
    """What all its sessions together may take."""
    return Limits(**cast("dict[str, int]", held.spec["limits"]))
