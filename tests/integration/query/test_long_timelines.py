"""Timelines of runs too long to come whole: buckets of real steps that hide no error."""

from __future__ import annotations

from collections.abc import AsyncGenerator

import pytest
from forkpoint_server.db.engine import Database as Engine
from forkpoint_server.query.columns import decoded
from forkpoint_server.query.timeline import Slice, timeline_slice
from recorded import Recording
from serving import Service
from stack import Database


@pytest.fixture
async def engine(database: Database) -> AsyncGenerator[Engine]:
    opened = Engine(database.url())
    yield opened
    await opened.close()


async def long_run(service: Service, *, steps: int, failing: int) -> Recording:
    """Many short steps in a row, one of which fails."""
    run = Recording()
    for number in range(steps):
        step = run.step(f"r#{number}")
        run.end(step, status="error" if number == failing else "ok")
    await run.send(service)
    return run


async def slice_of(
    engine: Engine, run: Recording, *, axis: str = "time", width: int, buckets: int
) -> Slice:
    async with engine.reading(1) as connection:
        found = await timeline_slice(
            connection,
            1,
            run.run_id,
            axis=axis,  # type: ignore[arg-type]
            width=width,
            exact_steps=0,
            buckets=buckets,
        )
    assert found is not None
    return found


@pytest.mark.parametrize("axis", ["time", "steps"])
@pytest.mark.parametrize("buckets", [1, 3, 16, 200])
async def test_no_zoom_hides_an_error(service: Service, engine: Engine, axis: str, buckets: int):
    run = await long_run(service, steps=200, failing=77)

    part = await slice_of(engine, run, axis=axis, width=100, buckets=buckets)

    shown = zip(
        decoded(part.columns["sequence"], "u32"),
        decoded(part.columns["flags"], "u16"),
        strict=True,
    )
    assert [sequence for sequence, flags in shown if flags & 1] == [154]
    assert sum(decoded(part.columns["size"], "u32")) == 200
    assert len(decoded(part.columns["size"], "u32")) <= buckets


async def test_the_resolution_is_a_power_of_two_that_fits_a_pixel(service: Service, engine: Engine):
    run = await long_run(service, steps=64, failing=0)

    part = await slice_of(engine, run, axis="steps", width=20, buckets=24_000)

    assert part.resolution == 4
    assert decoded(part.columns["size"], "u32") == [4] * 16


async def test_neighbouring_slices_agree_on_their_buckets(service: Service, engine: Engine):
    run = await long_run(service, steps=100, failing=50)
    async with engine.reading(1) as connection:
        parts = [
            await timeline_slice(
                connection,
                1,
                run.run_id,
                axis="steps",
                width=10,
                asked=asked,
                exact_steps=0,
            )
            for asked in ((20, 60), (30, 70))
        ]

    seen = [set(decoded(part.columns["sequence"], "u32")) for part in parts if part]
    inner = {sequence for sequence in seen[0] if 40 <= sequence < 160}
    assert inner
    assert inner <= seen[1]
