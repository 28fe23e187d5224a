"""POST /v1/events: events as NDJSON, with the blocks they need as lines of their own."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from forkpoint_server.endpoints.requests import (
    authenticate,
    json_response,
    sender_of,
    services_of,
)
from forkpoint_server.errors import BadRequest
from forkpoint_server.ingestion.batch import IngestResult
from forkpoint_server.ingestion.incoming import CONFLICT, TOO_LARGE
from forkpoint_server.ingestion.lines import LineReader
from forkpoint_server.security.bodies import BodyLimits, read_parts
from forkpoint_server.security.room import Grow
from forkpoint_server.security.scopes import Scope
from forkpoint_server.settings import Limits

_TYPES = frozenset({"application/x-ndjson", "application/jsonl", "application/json"})


class UnsupportedMediaType(BadRequest):
    """The body is not NDJSON; forms and plain text are refused unread."""

    status = 415


async def post_events(request: Request) -> Response:
    """Store the lines in one transaction; the answer names what was accepted and what was not."""
    services = services_of(request)
    if request.headers.get("content-type", "").partition(";")[0].strip() not in _TYPES:
        raise UnsupportedMediaType("send application/x-ndjson", field="content-type")
    principal = await authenticate(request)
    principal.require(Scope.INGEST)
    ceilings = await services.admit(principal)
    with services.room.entered(sender_of(request, principal)) as grow:
        lines = await _read(request, services.settings.limits, grow)
        batch = lines.batch(event_bytes=ceilings.event_bytes)
        services.spend(principal, events=len(batch.events), size=lines.size)
        result = await services.gathering.store(
            principal, batch, live=services.publisher(principal.project_id)
        )
    return json_response(_answer(result), status=_status(result))


async def _read(request: Request, limits: Limits, grow: Grow) -> LineReader:
    """The lines, each read as soon as it is there: the body is never held as a whole."""
    lines = LineReader(limits)
    bounds = BodyLimits(size=limits.events_body, idle_s=limits.idle_s, whole_s=limits.body_s)
    await read_parts(request, bounds, grow, lines.feed)
    lines.finish()
    return lines


def _answer(result: IngestResult) -> dict[str, object]:
    return {
        "accepted": result.accepted,
        "duplicates": result.duplicates,
        "held": result.held,
        "rejected": [
            {
                "index": event.index,
                "id": event.id,
                "code": event.code,
                "message": event.message,
                "field": event.field,
            }
            for event in result.rejected
        ],
        "missing": list(result.missing),
        "cursors": [{"runId": run, "seq": str(seq)} for run, seq in result.cursors.items()],
    }


def _status(result: IngestResult) -> int:
    """200 if anything was taken, else 409 for a conflict or missing blocks, 413 for size, 400."""
    codes = {event.code for event in result.rejected}
    if result.accepted or result.duplicates or result.held:
        return 200
    if result.missing or CONFLICT in codes:
        return 409
    return 413 if codes == {TOO_LARGE} else 400 if codes else 200
