"""Whether a finished derived run is a tool-calling loop, shown on its recorded messages."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import orjson
from forkpoint.errors import ContentError, ReplayError
from forkpoint.events.kinds import Kind
from forkpoint.replay.loop import prove
from forkpoint_server.db.engine import driver

from forkpoint_worker.replays.payload import Payload, roots_of
from forkpoint_worker.replays.reading import read_recorded
from forkpoint_worker.work import Work

_TOOL = tuple(Kind).index(Kind.TOOL)
MOST_STEPS = 20_000
"""A longer run is proved when it is replayed, not when it ends."""


async def prove_loop(work: Work) -> None:
    """Add `loop` to what a run can be replayed as, if its proof holds; else the first reason why
    not as a hint. Once for each end of the run: a later span takes both away with the rest.
    """
    services, project_id, run_id = work.services, work.job.project_id, work.run_id
    async with services.database.reading(project_id) as connection:
        row = await (await driver(connection)).fetchrow(
            """
            select revision, capabilities::text
            from run
            where run_id = $1
              and finished
              and step_count <= $2
              and capabilities -> 'can' ? 'graph'
              and not capabilities ? 'loop'
              and exists (select from step where step.run_id = $1 and step.kind = $3)
            """,
            run_id,
            MOST_STEPS,
            _TOOL,
        )
    if row is None:
        return
    proved = await _proved(work)
    if proved is None:
        return
    able = orjson.loads(row[1])
    able["loop"] = proved
    if "cause" in proved:
        able["hints"]["loop"] = f"{proved['cause']} at {proved['key']}"
    else:
        able["can"].append("loop")
    async with services.database.transaction(project_id) as connection:
        await (await driver(connection)).execute(
            "update run set capabilities = $3::jsonb where run_id = $1 and revision = $2",
            run_id,
            row[0],
            orjson.dumps(able).decode(),
        )


async def _proved(work: Work) -> Mapping[str, object] | None:
    """What the proof says; None where there is no loop to speak of."""
    services, project_id = work.services, work.job.project_id
    try:
        recorded = await read_recorded(services.database, project_id, work.run_id)
        payload = Payload(services.database, project_id, services.blobs)
        await payload.keep(roots_of(recorded), recorded.blocks)
        return (await asyncio.to_thread(prove, recorded.recording)).to_json()
    except ContentError:
        return None
    except ReplayError as error:
        cause = error.details.get("cause")
        if error.code != "loop_not_standard" or cause == "one_turn":
            return None
        return {"cause": cause, "key": error.details.get("key")}
