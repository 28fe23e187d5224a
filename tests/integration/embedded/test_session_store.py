"""The S3 store that all processes of a test session share."""

from __future__ import annotations

from pathlib import Path

import pytest
from aiobotocore.config import AioConfig
from aiobotocore.session import get_session
from botocore.exceptions import ClientError
from seaweed import S3, join


def client_of(store: S3, *, secret_key: str):
    return get_session().create_client(
        "s3",
        endpoint_url=store.endpoint,
        region_name="us-east-1",
        aws_access_key_id=store.access_key,
        aws_secret_access_key=secret_key,
        config=AioConfig(s3={"addressing_style": "path"}),
    )


def test_everybody_who_joins_gets_the_same_store(s3: S3, tmp_path_factory: pytest.TempPathFactory):
    base = tmp_path_factory.getbasetemp()
    shared = next(p for p in (base, *base.parents) if (p / "seaweedfs").exists())

    with join(Path(shared, "seaweedfs")) as same:
        assert same == s3


async def test_the_second_of_two_conditional_puts_is_refused(s3: S3):
    async with client_of(s3, secret_key=s3.secret_key) as client:
        await client.put_object(Bucket=s3.bucket, Key="session/once", Body=b"1", IfNoneMatch="*")
        with pytest.raises(ClientError, match="PreconditionFailed"):
            await client.put_object(
                Bucket=s3.bucket, Key="session/once", Body=b"2", IfNoneMatch="*"
            )


async def test_a_wrong_key_is_refused(s3: S3):
    async with client_of(s3, secret_key="wrong") as client:
        with pytest.raises(ClientError, match="SignatureDoesNotMatch"):
            await client.list_objects_v2(Bucket=s3.bucket)
