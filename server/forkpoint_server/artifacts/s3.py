"""Blobs in a bucket of S3 or of a server that speaks its protocol.

Conditional puts save traffic and are never relied on: equal keys mean equal bytes. Checksums are
verified by the server on the way in and by us on the way out.
"""

from __future__ import annotations

import asyncio
import hashlib
from base64 import b64encode
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Self, cast

from aiobotocore.config import AioConfig  # pyright: ignore[reportMissingTypeStubs] - it has none
from aiobotocore.session import (  # pyright: ignore[reportMissingTypeStubs]
    get_session,  # pyright: ignore[reportUnknownVariableType]
)
from botocore.exceptions import (  # pyright: ignore[reportMissingTypeStubs]
    BotoCoreError,
    ClientError,
)

from forkpoint_server.artifacts.store import (
    BlobDamaged,
    BlobMissing,
    BlobUnavailable,
    Digest,
    check_digest,
    key_of,
)

MULTIPART_FROM = 8 * 2**20
"""Bytes of a blob from which it goes up in parts of this size."""
CALL_SECONDS = 10
RETRIES = 4
"""Repetitions of one call, with exponential back-off and full jitter (botocore's standard mode)."""

_THERE = frozenset({"PreconditionFailed", "412"})
_MISSING = frozenset({"NoSuchKey", "404", "NotFound"})
_DAMAGED = frozenset({"BadDigest", "XAmzContentChecksumMismatch", "XAmzContentSHA256Mismatch"})
_RACED = frozenset({"ConditionalRequestConflict"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Bucket:
    """Where the bucket is, and the keys to it."""

    endpoint: str
    name: str
    access_key: str
    secret_key: str = field(repr=False)
    region: str = "us-east-1"
    old_server: bool = False
    """Send and expect checksums only where the protocol demands them."""


class S3Blobs:
    """Keeps blobs in one bucket; make it with `open_bucket`."""

    def __init__(self, client: Any, bucket: Bucket, close: Callable[[], Awaitable[object]]) -> None:
        # aiobotocore makes its clients at run time, from data: they have no type
        self._client = client
        self._bucket = bucket
        self._close = close

    @classmethod
    async def open(cls, bucket: Bucket) -> Self:
        """Connect lazily: a store that is away is noticed by the first call."""
        making = cast(
            "Any",
            get_session().create_client(  # pyright: ignore[reportUnknownMemberType]
                "s3",
                endpoint_url=bucket.endpoint,
                region_name=bucket.region,
                aws_access_key_id=bucket.access_key,
                aws_secret_access_key=bucket.secret_key,
                config=_config(bucket),
            ),
        )
        client = await making.__aenter__()
        return cls(client, bucket, lambda: making.__aexit__(None, None, None))

    async def close(self) -> None:
        """See `BlobStore`."""
        await self._close()

    async def put_if_absent(self, digest: Digest, body: bytes) -> bool:
        """See `BlobStore`; from 8 MiB in parts."""
        check_digest(digest, body)
        put = self._put_parts if len(body) > MULTIPART_FROM else self._put_whole
        try:
            async with _errors(digest):
                await put(digest, body)
        except _Raced:
            return await self._after_race(digest)
        except _AlreadyThere:
            return False
        return True

    async def read(self, digest: Digest, *, start: int = 0, length: int | None = None) -> bytes:
        """See `BlobStore`."""
        if length == 0:
            return b""
        end = "" if length is None else str(start + length - 1)
        whole = start == 0 and length is None
        asked = {} if whole else {"Range": f"bytes={start}-{end}"}
        async with _errors(digest):
            answer = await self._client.get_object(**self._at(digest), **asked)
            async with answer["Body"] as stream:
                body: bytes = await stream.read()
        if whole:
            check_digest(digest, body)
        return body

    async def head(self, digest: Digest) -> int | None:
        """See `BlobStore`."""
        try:
            async with _errors(digest):
                answer = await self._client.head_object(**self._at(digest))
                return int(answer["ContentLength"])
        except BlobMissing:
            return None

    async def delete(self, digest: Digest) -> None:
        """See `BlobStore`."""
        async with _errors(digest):
            await self._client.delete_object(**self._at(digest))

    async def _put_whole(self, digest: Digest, body: bytes) -> None:
        await self._client.put_object(
            **self._at(digest), Body=body, IfNoneMatch="*", ChecksumSHA256=_checksum(digest)
        )

    async def _put_parts(self, digest: Digest, body: bytes) -> None:
        at = self._at(digest)
        begun = await self._client.create_multipart_upload(**at, ChecksumAlgorithm="SHA256")
        upload = {**at, "UploadId": begun["UploadId"]}
        try:
            parts = [
                await self._put_part(upload, number, body[start : start + MULTIPART_FROM])
                for number, start in enumerate(range(0, len(body), MULTIPART_FROM), start=1)
            ]
            await self._client.complete_multipart_upload(
                **upload, MultipartUpload={"Parts": parts}, IfNoneMatch="*"
            )
        except BaseException:
            await asyncio.shield(self._client.abort_multipart_upload(**upload))
            raise

    async def _put_part(self, upload: dict[str, str], number: int, part: bytes) -> dict[str, Any]:
        checksum = _checksum(hashlib.sha256(part).digest())
        answer = await self._client.upload_part(
            **upload, PartNumber=number, Body=part, ChecksumSHA256=checksum
        )
        return {"PartNumber": number, "ETag": answer["ETag"], "ChecksumSHA256": checksum}

    async def _after_race(self, digest: Digest) -> bool:
        """Another writer was putting the same bytes at the same time."""
        if await self.head(digest) is None:
            raise BlobUnavailable(f"two writers of blob {digest.hex()} met; put it again")
        return False

    def _at(self, digest: Digest) -> dict[str, str]:
        return {"Bucket": self._bucket.name, "Key": key_of(digest)}


class _AlreadyThere(Exception):
    """The condition of a put did not hold."""


class _Raced(Exception):
    """The server could not decide the condition of a put."""


@asynccontextmanager
async def _errors(digest: Digest) -> AsyncGenerator[None]:
    """Turn the client's errors into ours."""
    try:
        yield
    except ClientError as error:
        raise _translated(error, digest) from error
    except (BotoCoreError, OSError, TimeoutError) as error:
        raise BlobUnavailable(
            f"the blob store does not answer ({type(error).__name__}); ask again"
        ) from error


def _translated(error: ClientError, digest: Digest) -> Exception:
    details = cast("dict[str, dict[str, str]]", error.response)  # pyright: ignore[reportUnknownMemberType]
    code = details.get("Error", {}).get("Code", "")
    for codes, made in (
        (_THERE, _AlreadyThere()),
        (_RACED, _Raced()),
        (_MISSING, BlobMissing(digest)),
        (_DAMAGED, BlobDamaged(digest)),
    ):
        if code in codes:
            return made
    if code == "InvalidRange":  # a range behind the end
        return BlobMissing(digest)
    return BlobUnavailable(f"the blob store refused blob {digest.hex()}: {code}; see its settings")


def _config(bucket: Bucket) -> AioConfig:
    checksums = "when_required" if bucket.old_server else "when_supported"
    return AioConfig(
        s3={"addressing_style": "path"},
        connect_timeout=CALL_SECONDS,
        read_timeout=CALL_SECONDS,
        retries={"max_attempts": RETRIES, "mode": "standard"},
        request_checksum_calculation=checksums,
        response_checksum_validation=checksums,
    )


def _checksum(digest: Digest) -> str:
    return b64encode(digest).decode()
