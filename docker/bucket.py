"""Make the bucket if it is not there, and see whether the store has atomic conditional puts.

Correctness never rests on that (equal keys mean equal bytes), so a store without them gets a
warning and no more. Exit status 1: the store cannot be used.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import sys
from collections.abc import Mapping

from aiobotocore.client import AioBaseClient
from aiobotocore.config import AioConfig
from aiobotocore.session import get_session
from botocore.exceptions import BotoCoreError, ClientError
from forkpoint_server.settings import Settings

RACERS = 16
_REFUSED = {409, 412}
_THERE = {"BucketAlreadyOwnedByYou", "BucketAlreadyExists"}


async def prepare(settings: Settings) -> int:
    """Create the bucket, race a put; the number of racers that the store let through."""
    session = get_session()
    async with session.create_client(
        "s3",
        endpoint_url=settings.s3_endpoint,
        region_name="us-east-1",
        aws_access_key_id=settings.s3_access_key,
        aws_secret_access_key=settings.s3_secret_key,
        config=AioConfig(s3={"addressing_style": "path"}),
    ) as client:
        bucket, key = settings.s3_bucket, f"race/{secrets.token_hex(16)}"
        try:
            await client.create_bucket(Bucket=bucket)
        except ClientError as error:
            if error.response["Error"]["Code"] not in _THERE:
                raise

        try:
            return sum(await asyncio.gather(*(_wins(client, bucket, key) for _ in range(RACERS))))
        finally:
            await client.delete_object(Bucket=bucket, Key=key)


async def _wins(client: AioBaseClient, bucket: str, key: str) -> bool:
    try:
        await client.put_object(Bucket=bucket, Key=key, Body=b"1", IfNoneMatch="*")
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] not in _REFUSED:
            raise
        return False
    return True


def main(settings: Settings) -> int:
    """Say what was found; the exit status."""
    try:
        winners = asyncio.run(prepare(settings))
    except (BotoCoreError, ClientError) as error:
        print(f"the bucket {settings.s3_bucket} cannot be used: {error}", file=sys.stderr)
        return 1
    verdict = "atomic" if winners == 1 else f"NOT atomic, {winners} of {RACERS} won (harmless)"
    print(f"bucket {settings.s3_bucket} is ready, conditional puts are {verdict}")
    return 0


def settings_of_store(environment: Mapping[str, str]) -> Settings:
    """The S3 settings alone: this program is given no database."""
    return Settings(
        database_url="",
        s3_endpoint=environment["FORKPOINT_S3_ENDPOINT"],
        s3_bucket=environment["FORKPOINT_S3_BUCKET"],
        s3_access_key=environment["FORKPOINT_S3_ACCESS_KEY"],
        s3_secret_key=environment["FORKPOINT_S3_SECRET_KEY"],
    )


if __name__ == "__main__":
    sys.exit(main(settings_of_store(os.environ)))
