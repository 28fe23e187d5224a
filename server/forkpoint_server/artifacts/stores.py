"""The blob store that the settings ask for."""

from __future__ import annotations

from forkpoint_server.artifacts.directory import DirectoryBlobs
from forkpoint_server.artifacts.s3 import Bucket, S3Blobs
from forkpoint_server.artifacts.store import BlobStore
from forkpoint_server.settings import Settings


async def open_blobs(settings: Settings) -> BlobStore:
    """S3 if an endpoint is set, else the data directory. Close it when done."""
    if settings.s3_endpoint is None:
        return DirectoryBlobs(settings.data)
    return await S3Blobs.open(
        Bucket(
            endpoint=settings.s3_endpoint,
            name=settings.s3_bucket,
            access_key=settings.s3_access_key,
            secret_key=settings.s3_secret_key,
        )
    )
