"""GET /v1/artifacts/{digest}: payload as a download, whole or in ranges."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, AsyncIterable, Callable
from functools import partial

import orjson
from forkpoint.content import Value
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from forkpoint_server.artifacts.loading import BlockLoader, PackCache
from forkpoint_server.artifacts.streams import LongValue, Reading, long_value
from forkpoint_server.artifacts.trees import value_at
from forkpoint_server.db.engine import driver
from forkpoint_server.endpoints.requests import authenticate, services_of
from forkpoint_server.errors import NotFound, PayloadRefused
from forkpoint_server.graphql.context import Services
from forkpoint_server.query.artifacts import states_of_root
from forkpoint_server.query.digests import digest_text, read_digest, read_run_id
from forkpoint_server.query.presentable import presentable
from forkpoint_server.security.audit import audit_refused
from forkpoint_server.security.principals import Principal
from forkpoint_server.security.scopes import Scope
from forkpoint_server.security.states import refusal

DOWNLOAD_BYTES = 72 * 1024 * 1024
"""The largest value that can be recorded, with its references."""
OCTETS = "application/octet-stream"
_RANGE = re.compile(r"bytes=(\d{0,15})-(\d{0,15})\Z")


async def get_artifact(request: Request) -> Response:
    """The value under a root that a clean artifact of this project has; `run` narrows the search.

    Bytes and strings come as they are, other values as JSON text.
    """
    services = services_of(request)
    principal = await authenticate(request)
    principal.require(Scope.READ_PAYLOAD)
    root = read_digest(request.path_params["digest"])
    run = request.query_params.get("run")
    run_id = None if run is None else read_run_id(run)
    if run is not None and run_id is None:
        raise NotFound("artifact")
    value: Value = None
    async with services.database.reading(principal.project_id) as connection:
        states = await states_of_root(connection, principal.project_id, root, run_id=run_id)
        if not states:
            raise NotFound("artifact")
        refusals = [refusal(state, reason) for state, reason in states]
        if all(refusals) and refusals[0]:
            await _note_refused(services, principal, digest_text(root) or "", refusals[0])
            raise refusals[0]
        loader = BlockLoader(await driver(connection), principal.project_id, services.blobs)
        found = await long_value(loader, root)
        if found is None:
            value = await value_at(
                connection,
                principal.project_id,
                root,
                blobs=services.blobs,
                budget=DOWNLOAD_BYTES,
            )
    asked, name = request.headers.get("range"), digest_text(root)
    if found is not None:
        pieces = partial(_pieces, services, principal.project_id, found)
        kind = "text/plain; charset=utf-8" if found.is_text else OCTETS
        ending = "txt" if found.is_text else "bin"
        return streamed(asked, pieces, found.size, media_type=kind, name=f"{name}.{ending}")
    body, media_type, ending = _written(value)
    return ranged(asked, body, media_type=media_type, name=f"{name}.{ending}")


async def _note_refused(
    services: Services, principal: Principal, name: str, refused: PayloadRefused
) -> None:
    """Write down that payload was asked for that is at risk or withheld."""
    if refused.code != "payload_pending":
        await audit_refused(services.database, principal, [name], now_ns=services.clock())


async def _pieces(
    services: Services, project_id: int, value: LongValue, start: int, stop: int
) -> AsyncGenerator[bytes]:
    """A long value from `start` to `stop`; no connection is held while the reader is slow."""
    reading, packs = Reading(value, start=start, stop=stop), PackCache()
    while reading:
        async with services.database.reading(project_id) as connection:
            loader = BlockLoader(await driver(connection), project_id, services.blobs, packs)
            piece = await reading.next(loader)
        yield piece


def streamed(
    asked: str | None,
    pieces: Callable[[int, int], AsyncIterable[bytes]],
    size: int,
    *,
    media_type: str,
    name: str,
) -> Response:
    """As `ranged`, for a body of `size` bytes that is read piece by piece."""
    headers = _headers(name)
    span = read_range(asked, size)
    start, stop = span or (0, size)
    if span is not None and start >= size:
        return Response(status_code=416, headers={"content-range": f"bytes */{size}"})
    if span is not None:
        headers["content-range"] = f"bytes {start}-{stop - 1}/{size}"
    headers["content-length"] = str(stop - start)
    return StreamingResponse(
        pieces(start, stop),
        status_code=200 if span is None else 206,
        media_type=media_type,
        headers=headers,
    )


def ranged(asked: str | None, body: bytes, *, media_type: str, name: str) -> Response:
    """The body, or the one range that was asked for; 416 if it begins behind the end."""
    headers = _headers(name)
    span = read_range(asked, len(body))
    if span is None:
        return Response(body, media_type=media_type, headers=headers)
    start, stop = span
    if start >= len(body):
        return Response(status_code=416, headers={"content-range": f"bytes */{len(body)}"})
    headers["content-range"] = f"bytes {start}-{stop - 1}/{len(body)}"
    return Response(body[start:stop], status_code=206, media_type=media_type, headers=headers)


def _headers(name: str) -> dict[str, str]:
    return {
        "accept-ranges": "bytes",
        "content-disposition": f'attachment; filename="{name}"',
        "cache-control": "private, max-age=3600",
    }


def read_range(header: str | None, size: int) -> tuple[int, int] | None:
    """Start and stop of one byte range (RFC 9110, section 14); None: answer with everything."""
    found = _RANGE.match(header or "")
    if not found or found[1] == found[2] == "":
        return None
    if found[1] == "":
        return max(size - int(found[2]), 0) if int(found[2]) else size, size
    start = int(found[1])
    stop = size if found[2] == "" else min(int(found[2]) + 1, size)
    return (start, stop) if start < stop or start >= size else None


def _written(value: object) -> tuple[bytes, str, str]:
    """Bytes, media type and file ending of a value."""
    if isinstance(value, bytes):
        return value, OCTETS, "bin"
    if isinstance(value, str):
        return value.encode("utf-8", "surrogatepass"), "text/plain; charset=utf-8", "txt"
    return orjson.dumps(presentable(value)), "text/plain; charset=utf-8", "json"
