"""The arms of a verification: what each replays, within which budget, and what it came to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import cast

from forkpoint.content import digest_from_text
from forkpoint.diff.budget import Limits
from forkpoint.diff.counterfactual import Call, Expectations, Root, meets, same_answer
from forkpoint.diff.rates import Sample
from sqlalchemy.ext.asyncio import AsyncConnection

from forkpoint_server.artifacts.store import BlobStore
from forkpoint_server.artifacts.trees import value_at
from forkpoint_server.db.engine import driver
from forkpoint_server.diff.attributions import Attribution
from forkpoint_server.diff.samples import (
    BASELINE,
    OF_A,
    Ended,
    Known,
    answers_again,
    is_of_a,
    roots_of,
)
from forkpoint_server.replay.plans import Asked
from forkpoint_server.replay.words import WORKER_EXECUTORS, Executor

NOT_A_LOOP = "loop_not_standard"


async def known_of(
    connection: AsyncConnection,
    blobs: BlobStore | None,
    held: Attribution,
    ended: Sequence[Ended],
    *,
    now_ns: int,
) -> Known:
    """What the sessions that are over have shown."""
    samples: dict[str, dict[int, Sample | None]] = {}
    proven: bool | None = None
    is_no_loop = False
    again = await _again(connection, blobs, held, ended)
    for one in ended:
        samples.setdefault(one.arm, {})[one.sample] = None
        if one.is_open:
            continue
        hit, stop = False, None
        if one.arm != BASELINE:
            came = one.came(met=await _is_as_good(connection, blobs, held, one))
            a, b = _ends(held)
            wanted, other = (b, a) if is_of_a(one.arm) and one.arm != OF_A else (a, b)
            hit, stop = came.is_as(wanted, other), came.stop
        samples[one.arm][one.sample] = Sample(
            hit=hit,
            stop=stop,
            live_calls=one.calls,
            tokens=one.tokens,
            cost_micro_usd=one.cost,
            again=again.get(one.run_id, {}),
        )
        if one.arm == BASELINE:
            proven = one.verdict == "identical"
            is_no_loop = one.reason == NOT_A_LOOP
    roots = [root for root in roots_in(held) if root.edits]
    return Known(
        samples=samples,
        proven=proven,
        is_no_loop=is_no_loop,
        limits=limits_of(held),
        roots=len(roots),
        age_s=(now_ns - held.created_ns) / 1e9,
    )


async def _again(
    connection: AsyncConnection, blobs: BlobStore | None, held: Attribution, ended: Sequence[Ended]
) -> dict[str, dict[int, bool]]:
    """By run of A replayed: roots whose call it made again -> whether B's answer came."""
    runs = [one.run_id for one in ended if one.arm == OF_A and not one.is_open and one.calls]
    calls = {root.call.key: root for root in roots_in(held) if root.call is not None}
    found: dict[str, dict[int, bool]] = {}
    if not runs or not calls:
        return found
    raw = await driver(connection)
    equal: dict[tuple[str, str], bool] = {}
    for run, key, signature, answer in await answers_again(raw, held.project_id, runs, list(calls)):
        root = calls[key]
        if root.call is None or root.call.signature != signature:
            continue
        pair = (answer, root.call.answer)
        if pair not in equal:
            equal[pair] = await _same(connection, blobs, held.project_id, *pair)
        found.setdefault(run, {})[root.row] = equal[pair]
    return found


async def _same(
    connection: AsyncConnection, blobs: BlobStore | None, project_id: int, one: str, two: str
) -> bool:
    if one == two:
        return True
    values = [
        await value_at(connection, project_id, digest_from_text(root), blobs=blobs)
        for root in (one, two)
    ]
    return same_answer(*values)


async def _is_as_good(
    connection: AsyncConnection, blobs: BlobStore | None, held: Attribution, one: Ended
) -> bool | None:
    """Whether what it came to meets what is expected as the wanted run does; None: not asked."""
    expect = cast("Expectations | None", held.spec["expect"])
    if expect is None:
        return None
    a, b = _ends(held)
    wanted = b if is_of_a(one.arm) and one.arm != OF_A else a
    mine = await _meets(connection, blobs, held, one.output, expect)
    return mine == await _meets(connection, blobs, held, wanted[1], expect)


def _ends(held: Attribution) -> tuple[tuple[str, str | None], tuple[str, str | None]]:
    a, b = cast("Sequence[Sequence[str]]", held.spec["ends"])
    return (a[0], a[1]), (b[0], b[1])


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
    return limits_of(held).left(known.spent(), share=len(known.wanted))


def asked_of(held: Attribution, arm: str, limits: Limits) -> Asked:
    """The replay of one sample of an arm."""
    spec = held.spec
    starts = cast("Sequence[str]", spec["starts"])
    of_a = is_of_a(arm)
    executor = Executor(str(spec["executor"]))
    common = Asked(
        run_id=str(held.a if of_a else held.b),
        executor=executor,
        runner=cast("str | None", spec["runner"]),
        entrypoint=cast("str | None", spec["entrypoint"]),
        arguments=cast("Mapping[str, object] | None", spec["arguments"]),
        grants=cast("Sequence[str]", spec["grants"]),
    )
    if arm == BASELINE:
        return common
    rows = roots_of(arm)
    changed = [root for root in roots_in(held) if root.row in rows]
    edits = [edit for root in changed for edit in (root.applies if of_a else root.edits)]
    return replace(
        common,
        compared=str(held.b if of_a else held.a) if executor in WORKER_EXECUTORS else None,
        cut={"key": starts[0 if of_a else 1], "side": "before"},
        edits=[*edits, *_renamed(held, rows, of_a=of_a)],
        policy=limits.within(cast("Mapping[str, object]", spec["policy"])),
    )


def _renamed(held: Attribution, rows: Sequence[int], *, of_a: bool) -> list[object]:
    """Edits that give a run the other's ids as long as it goes the other's way: up to the first
    root that it keeps.
    """
    if not rows:
        return []
    causes = cast("Sequence[int]", held.spec.get("causes", ()))
    parts = min((row for row in causes if row not in rows), default=None)
    return [
        each["applies" if of_a else "edit"]
        for each in cast("Sequence[Mapping[str, object]]", held.spec.get("renamed", ()))
        if parts is None or cast("int", each["row"]) < parts
    ]


def roots_in(held: Attribution) -> list[Root]:
    """The roots of a verification, in the order in which they are tried."""
    listed = cast("Sequence[Mapping[str, object]]", held.spec["roots"])
    return [
        Root(
            row=cast("int", root["row"]),
            key=str(root["key"]),
            name=str(root["name"]),
            edits=tuple(cast("Sequence[Mapping[str, object]]", root["edits"])),
            applies=tuple(cast("Sequence[Mapping[str, object]]", root.get("applies", ()))),
            call=_call(cast("Sequence[str] | None", root.get("call"))),
        )
        for root in listed
    ]


def _call(stored: Sequence[str] | None) -> Call | None:
    return None if stored is None else Call(*stored)


def limits_of(held: Attribution) -> Limits:
    """What all its sessions together may take."""
    return Limits(**cast("dict[str, int]", held.spec["limits"]))
