"""Every blob store keeps the same promises: memory, directory, S3."""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from forkpoint_server.artifacts import s3 as s3_blobs
from forkpoint_server.artifacts.directory import DirectoryBlobs
from forkpoint_server.artifacts.memory import MemoryBlobs
from forkpoint_server.artifacts.s3 import MULTIPART_FROM, Bucket, S3Blobs
from forkpoint_server.artifacts.store import (
    BlobDamaged,
    BlobMissing,
    BlobStore,
    BlobUnavailable,
    key_of,
)
from seaweed import S3


@pytest.fixture(params=["memory", "directory", "s3"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[BlobStore]:
    opened = await _open(request, tmp_path)
    yield opened
    await opened.close()


async def test_a_blob_reads_back_whole_and_in_ranges(store: BlobStore):
    digest, body = _blob(10_000)

    assert await store.put_if_absent(digest, body) is True

    assert await store.read(digest) == body
    assert await store.read(digest, start=10, length=5) == body[10:15]
    assert await store.read(digest, start=9_990) == body[9_990:]
    assert await store.read(digest, start=9_990, length=50) == body[9_990:]
    assert await store.read(digest, start=3, length=0) == b""
    assert await store.head(digest) == 10_000


async def test_the_same_blob_is_stored_once(store: BlobStore):
    digest, body = _blob(100)

    made = [await store.put_if_absent(digest, body) for _ in range(3)]

    assert made == [True, False, False]


async def test_sixteen_writers_of_one_blob_all_succeed(store: BlobStore):
    digest, body = _blob(5_000)

    made = await asyncio.gather(*(store.put_if_absent(digest, body) for _ in range(16)))

    assert True in made
    assert await store.read(digest) == body


async def test_a_blob_larger_than_one_part_reads_back(store: BlobStore):
    digest, body = _blob(2 * MULTIPART_FROM + 17)

    assert await store.put_if_absent(digest, body) is True
    assert await store.put_if_absent(digest, body) is False

    assert await store.read(digest) == body
    assert (
        await store.read(digest, start=MULTIPART_FROM - 3, length=6)
        == (body[MULTIPART_FROM - 3 : MULTIPART_FROM + 3])
    )


async def test_an_empty_blob_is_a_blob(store: BlobStore):
    digest, body = _blob(0)
    await store.put_if_absent(digest, body)

    assert (await store.head(digest), await store.read(digest)) == (0, b"")


async def test_bytes_of_another_digest_are_refused(store: BlobStore):
    digest, body = _blob(100)

    with pytest.raises(BlobDamaged):
        await store.put_if_absent(digest, body + b"!")

    assert await store.head(digest) is None


async def test_a_blob_that_is_not_there_is_missing_and_deleting_it_is_no_error(store: BlobStore):
    digest, _ = _blob(100)

    assert await store.head(digest) is None
    await store.delete(digest)
    with pytest.raises(BlobMissing):
        await store.read(digest)


async def test_a_deleted_blob_can_be_put_again(store: BlobStore):
    digest, body = _blob(100)
    await store.put_if_absent(digest, body)
    await store.delete(digest)

    assert await store.head(digest) is None
    assert await store.put_if_absent(digest, body) is True


async def test_a_file_that_was_changed_behind_our_back_is_damaged(tmp_path: Path):
    store = DirectoryBlobs(tmp_path)
    digest, body = _blob(100)
    await store.put_if_absent(digest, body)
    (tmp_path / key_of(digest)).write_bytes(body[::-1])

    with pytest.raises(BlobDamaged):
        await store.read(digest)


async def test_a_directory_store_leaves_no_half_written_file(tmp_path: Path):
    store = DirectoryBlobs(tmp_path)
    digest, body = _blob(100)
    await asyncio.gather(*(store.put_if_absent(digest, body) for _ in range(8)))

    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == [digest.hex()]


async def test_a_wrong_secret_is_refused(s3: S3):
    store = await S3Blobs.open(
        Bucket(
            endpoint=s3.endpoint, name=s3.bucket, access_key=s3.access_key, secret_key="wrong" * 8
        )
    )
    digest, body = _blob(100)

    with pytest.raises(BlobUnavailable, match="SignatureDoesNotMatch"):
        await store.put_if_absent(digest, body)
    await store.close()


async def test_the_bucket_itself_refuses_a_wrong_checksum(s3: S3, monkeypatch: pytest.MonkeyPatch):
    store = await S3Blobs.open(_bucket(s3))
    digest, body = _blob(100)
    monkeypatch.setattr("forkpoint_server.artifacts.s3.check_digest", lambda *_: None)

    with pytest.raises(BlobDamaged):
        await store.put_if_absent(digest, body + b"!")
    assert await store.head(digest) is None
    await store.close()


async def test_a_store_that_is_away_is_unavailable(s3: S3, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(s3_blobs, "RETRIES", 1)
    store = await S3Blobs.open(
        Bucket(endpoint="http://127.0.0.1:9", name=s3.bucket, access_key="a", secret_key="b")
    )

    with pytest.raises(BlobUnavailable):
        await store.head(_blob(1)[0])
    await store.close()


async def _open(request: pytest.FixtureRequest, tmp_path: Path) -> BlobStore:
    if request.param == "memory":
        return MemoryBlobs()
    if request.param == "directory":
        return DirectoryBlobs(tmp_path)
    return await S3Blobs.open(_bucket(request.getfixturevalue("s3")))


def _bucket(s3: S3) -> Bucket:
    return Bucket(
        endpoint=s3.endpoint,
        name=s3.bucket,
        access_key=s3.access_key,
        secret_key=s3.secret_key,
    )


def _blob(size: int) -> tuple[bytes, bytes]:
    body = secrets.token_bytes(size)
    return hashlib.sha256(body).digest(), body
