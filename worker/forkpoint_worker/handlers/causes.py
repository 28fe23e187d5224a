"""Jobs that go on with the verification of a cause when one of its replays is over."""

from __future__ import annotations

from forkpoint_server.db.engine import driver
from forkpoint_server.diff.verification import advance
from forkpoint_server.jobs.leases import finish
from forkpoint_server.live.topics import attribution_topic, runners_topic

from forkpoint_worker.work import Work


async def verify_cause(work: Work) -> None:
    """Take up what the replay has shown; the next replays begin with the job done, or not at all.

    Jobs of worker replays that begin here are found by this worker as soon as this one is done.
    """
    services, job = work.services, work.job
    attribution = str(job.args["attribution"])
    async with services.database.transaction(job.project_id) as connection:
        moved = await advance(
            connection, services.blobs, job.project_id, attribution, now_ns=services.clock()
        )
        await finish(await driver(connection), job)
    topics = [attribution_topic(attribution)]
    if moved is not None and moved.for_runners:
        topics.append(runners_topic(job.project_id))
    await work.live.rang(*topics)
