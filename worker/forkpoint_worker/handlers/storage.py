"""Jobs on stored content: packing, retention, collection, unnamed blobs."""

from __future__ import annotations

from typing import cast

import orjson
from forkpoint_server.artifacts.blob_rows import sweep_blobs as sweep
from forkpoint_server.artifacts.collection import Collector
from forkpoint_server.artifacts.packs import Packer
from forkpoint_server.artifacts.retention import Rules, delete_runs, plan
from forkpoint_server.db.engine import driver

from forkpoint_worker.work import Work

RUNS_IN_ONE_TRANSACTION = 20


async def pack_run(work: Work) -> None:
    """Join the blocks of a finished run into packs."""
    packer = Packer(
        database=work.services.database,
        project_id=work.job.project_id,
        blobs=work.services.blobs,
        clock=work.services.clock,
    )
    await packer.pack_run(work.run_id)
    async with work.finishing():
        pass


async def retain(work: Work) -> None:
    """Delete the runs named by the job and those that break the project's rules, then collect."""
    named = work.job.args.get("run_ids")
    wanted = [str(each) for each in cast("list[object]", named)] if isinstance(named, list) else []
    await _delete(work, wanted)
    # only now: the rules are about what is left
    await _delete(work, await _doomed(work))
    collector = Collector(
        database=work.services.database,
        project_id=work.job.project_id,
        blobs=work.services.blobs,
        clock=work.services.clock,
    )
    await collector.collect()
    async with work.finishing():
        pass


async def sweep_blobs(work: Work) -> None:
    """Delete blobs that no row has named for a day."""
    services = work.services
    await sweep(services.database, services.blobs, now_ns=services.clock())
    async with work.finishing():
        pass


async def _doomed(work: Work) -> list[str]:
    async with work.services.database.reading(work.job.project_id) as connection:
        raw = await driver(connection)
        kept = await raw.fetchval(
            "select (settings -> 'retention')::text from project where project_id = $1",
            work.job.project_id,
        )
        rules = Rules.of_settings(orjson.loads(kept or "{}"))
        planned = await plan(raw, work.job.project_id, rules, now_ns=work.services.clock())
    return [each.run_id for each in planned]


async def _delete(work: Work, run_ids: list[str]) -> None:
    project_id = work.job.project_id
    for at in range(0, len(run_ids), RUNS_IN_ONE_TRANSACTION):
        async with work.services.database.transaction(project_id) as connection:
            some = run_ids[at : at + RUNS_IN_ONE_TRANSACTION]
            await delete_runs(await driver(connection), project_id, some)
