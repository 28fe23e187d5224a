"""Skeleton and timeline: every column says what the rows say."""

from __future__ import annotations

from typing import Any

from forkpoint.events.kinds import Kind
from forkpoint.events.model import ReplayInfo
from forkpoint_server.query.columns import decoded
from recorded import BEGIN_NS, STEP_NS, Recording, recorded
from serving import Service

SKELETON = """query($id: ID!) { skeleton(runId: $id) {
    rows sealed revision head names parent sequence tokens microUsd lane name flags depth kind
    start end } }"""
TIMELINE = """query($id: ID!, $width: Int!, $axis: TimelineAxis!, $filter: StepFilter) {
    timeline(runId: $id, width: $width, axis: $axis, filter: $filter) {
        from to unit resolution head exact lane start end sequence size kind flags } }"""


def nested_run() -> Recording:
    """An agent that holds a failing tool and an open model step."""
    run = Recording()
    agent = run.step("r#0", name="agent", kind=Kind.AGENT)
    tool = run.step("r#0.0", name="refund", kind=Kind.TOOL, parent=agent)
    run.end(tool, status="error", tokens_in=70_000, tokens_out=5, cost_micro_usd=42)
    run.step("r#0.1", name="decide", kind=Kind.MODEL, parent=agent)
    return run


async def test_every_column_of_a_skeleton_decodes_to_what_was_recorded(service: Service):
    run = nested_run()
    await run.send_start(service)
    await service.data(
        "mutation($e: JSON!) { ingestEvents(input: {events: $e}) { accepted } }", e=run.events
    )

    chunk = (await service.data(SKELETON, id=run.run_id))["skeleton"]

    assert (chunk["rows"], chunk["sealed"], chunk["head"]) == (3, False, 3)
    assert decoded(chunk["parent"], "u32") == [0xFFFFFFFF, 0, 0]
    assert decoded(chunk["sequence"], "u32") == [0, 1, 3]
    assert decoded(chunk["tokens"], "u32") == [0, 70_005, 0]
    assert decoded(chunk["microUsd"], "u32") == [0, 42, 0]
    assert decoded(chunk["lane"], "u16") == [0, 1, 1]
    assert [chunk["names"][i] for i in decoded(chunk["name"], "u16")] == [
        "agent",
        "refund",
        "decide",
    ]
    assert decoded(chunk["flags"], "u16") == [2, 1, 2]
    assert decoded(chunk["depth"], "u8") == [0, 1, 1]
    assert decoded(chunk["kind"], "u8") == [6, 2, 0]
    first = BEGIN_NS + STEP_NS
    assert decoded(chunk["start"], "i64") == [first, first + STEP_NS, first + 3 * STEP_NS]
    assert decoded(chunk["end"], "i64") == [0, first + 2 * STEP_NS, 0]


async def test_flags_of_a_replayed_step_carry_mode_edit_and_divergence(service: Service):
    run = Recording()
    info = ReplayInfo(session="s", mode="cached", edit=0, divergence="args", taint=("r#0",))  # type: ignore[arg-type]
    run.end(run.step("r#0", replay=info))
    await run.send(service)

    chunk = (await service.data(SKELETON, id=run.run_id))["skeleton"]

    assert decoded(chunk["flags"], "u16") == [1 << 2 | 1 << 3 | 2 << 8 | 1 << 11]


async def test_a_short_run_comes_whole_whatever_the_width(service: Service):
    run = recorded(steps=5)
    await run.send(service)

    part = await timeline(service, run, width=1)

    assert part["exact"] is True
    assert decoded(part["sequence"], "u32") == [0, 2, 4, 6, 8]
    assert decoded(part["size"], "u32") == [1] * 5
    unit, begin = int(part["unit"]), int(part["from"])
    assert [begin + at * unit for at in decoded(part["start"], "u32")] == [
        BEGIN_NS + (2 * step + 1) * STEP_NS for step in range(5)
    ]
    assert [begin + at * unit for at in decoded(part["end"], "u32")] == [
        BEGIN_NS + (2 * step + 2) * STEP_NS for step in range(5)
    ]


async def test_on_the_axis_of_steps_a_scope_spans_the_steps_it_holds(service: Service):
    run = Recording()
    agent = run.step("r#0", kind=Kind.AGENT)
    run.call("r#0.0", parent=agent)
    run.call("r#0.1", parent=agent)
    run.end(agent)
    run.call("r#1")
    await run.send(service)

    part = await timeline(service, run, axis="STEPS")

    by_step = zip(
        decoded(part["sequence"], "u32"),
        decoded(part["start"], "u32"),
        decoded(part["end"], "u32"),
        strict=True,
    )
    assert sorted(by_step) == [(0, 0, 3), (1, 1, 2), (3, 2, 3), (6, 3, 4)]


async def test_a_filter_marks_what_it_leaves_out_and_moves_nothing(service: Service):
    run = nested_run()
    await run.send(service)

    plain = await timeline(service, run)
    marked = await timeline(service, run, filter={"kind": ["TOOL"]})

    assert marked["start"] == plain["start"]
    assert [bool(flag & 64) for flag in decoded(marked["flags"], "u16")] == [True, False, True]


async def timeline(
    service: Service,
    run: Recording,
    *,
    width: int = 1000,
    axis: str = "TIME",
    filter: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """The timeline of a run."""
    found = await service.data(TIMELINE, id=run.run_id, width=width, axis=axis, filter=filter)
    return found["timeline"]
