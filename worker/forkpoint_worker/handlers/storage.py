"""Jobs on stored content: packing, retention, collection, unnamed blobs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast
from uuid import UUID

from forkpoint_server.artifacts.blob_rows import sweep_blobs as sweep
from forkpoint_server.artifacts.collection import Collector
from forkpoint_server.artifacts.keeping import audit_before, retention_of
from forkpoint_server.artifacts.packs import Packer
from forkpoint_server.artifacts.retention import Rules, delete_runs, plan
from forkpoint_server.db.engine import driver
from forkpoint_server.diff.sketches import sketch_run
from forkpoint_server.security.audit import Action, Entry, named, record, trim

from forkpoint_worker.work import Work

RUNS_IN_ONE_TRANSACTION = 20


async def pack_run(work: Work) -> None:
    """Sketch the texts of a finished run, and join its blocks into packs."""
    services, project_id = work.services, work.job.project_id
    await sketch_run(services.database, project_id, UUID(work.run_id), blobs=services.blobs)
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
    await _delete(work, wanted, reason="asked")
    # only now: the rules are about what is left
    rules = await _rules(work)
    await _delete(work, await _doomed(work, rules), reason="retention")
    await _trim_audit(work, rules)
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


async def _rules(work: Work) -> dict[str, object]:
    async with work.services.database.reading(work.job.project_id) as connection:
        return await retention_of(await driver(connection), work.job.project_id)


async def _doomed(work: Work, rules: Mapping[str, object]) -> list[str]:
    async with work.services.database.reading(work.job.project_id) as connection:
        raw = await driver(connection)
        kept = Rules.of_settings(rules)
        planned = await plan(raw, work.job.project_id, kept, now_ns=work.services.clock())
    return [each.run_id for each in planned]


async def _trim_audit(work: Work, rules: Mapping[str, object]) -> None:
    now_ns = work.services.clock()
    async with work.services.database.transaction(work.job.project_id) as connection:
        raw = await driver(connection)
        before = audit_before(rules, now_ns=now_ns)
        await trim(raw, work.principal, before_ns=before, now_ns=now_ns)


async def _delete(work: Work, run_ids: list[str], *, reason: str) -> None:
    project_id = work.job.project_id
    for at in range(0, len(run_ids), RUNS_IN_ONE_TRANSACTION):
        async with work.services.database.transaction(project_id) as connection:
            raw, some = await driver(connection), run_ids[at : at + RUNS_IN_ONE_TRANSACTION]
            await delete_runs(raw, project_id, some)
            entry = Entry(
                action=Action.RUNS_DELETED, target="runs", reason=reason, facts=named(some)
            )
            await record(raw, work.principal, entry, now_ns=work.services.clock())
