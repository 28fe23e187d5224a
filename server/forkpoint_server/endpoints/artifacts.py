"""GET /v1/artifacts/{digest}: payload as a download, whole or in ranges."""

from __future__ import annotations

import re

import orjson
from starlette.requests import Request
from starlette.responses import Response

from forkpoint_server.artifacts.trees import value_at
from forkpoint_server.endpoints.requests import authenticate, services_of
from forkpoint_server.errors import NotFound
from forkpoint_server.query.artifacts import states_of_root
from forkpoint_server.query.digests import digest_text, read_digest, read_run_id
from forkpoint_server.query.presentable import presentable
from forkpoint_server.security.scopes import Scope
from forkpoint_server.security.states import refusal

DOWNLOAD_BYTES = 72 * 1024 * 1024
"""The largest value that can be recorded, with its references."""
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
    async with services.database.reading(principal.project_id) as connection:
        states = await states_of_root(connection, principal.project_id, root, run_id=run_id)
        if not states:
            raise NotFound("artifact")
        refusals = [refusal(state, reason) for state, reason in states]
        if all(refusals) and refusals[0]:
            raise refusals[0]
        value = await value_at(
            connection,
            principal.project_id,
            root,
            blobs=services.blobs,
            budget=DOWNLOAD_BYTES,
        )
    body, media_type, ending = _written(value)
    name = f"{digest_text(root)}.{ending}"
    return ranged(request.headers.get("range"), body, media_type=media_type, name=name)


def ranged(asked: str | None, body: bytes, *, media_type: str, name: str) -> Response:
    """The body, or the one range that was asked for; 416 if it begins behind the end."""
    headers = {
        "accept-ranges": "bytes",
        "content-disposition": f'attachment; filename="{name}"',
        "cache-control": "private, max-age=3600",
    }
    span = read_range(asked, len(body))
    if span is None:
        return Response(body, media_type=media_type, headers=headers)
    start, stop = span
    if start >= len(body):
        return Response(status_code=416, headers={"content-range": f"bytes */{len(body)}"})
    headers["content-range"] = f"bytes {start}-{stop - 1}/{len(body)}"
    return Response(body[start:stop], status_code=206, media_type=media_type, headers=headers)


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
        return value, "application/octet-stream", "bin"
    if isinstance(value, str):
        return value.encode("utf-8", "surrogatepass"), "text/plain; charset=utf-8", "txt"
    return orjson.dumps(presentable(value)), "text/plain; charset=utf-8", "json"
