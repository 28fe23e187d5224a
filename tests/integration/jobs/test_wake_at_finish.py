"""A finished run does not wait for the poll of a worker."""

from __future__ import annotations

import redis.asyncio
from recorded import recorded
from serving import Service
from serving import service as service
from stack import Database


async def test_finishing_a_run_wakes_a_worker_for_its_job(service: Service, database: Database):
    run = recorded(steps=1)

    await run.send(service)

    job = database.sql(f"select id from job where run_id = '{run.run_id}'").strip()
    async with redis.asyncio.Redis.from_url(database.redis_url) as client:
        assert await client.exists(f"saq:job:forkpoint:job:{job}:0")
