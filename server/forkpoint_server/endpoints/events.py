"""POST /v1/events: events as NDJSON, with the blocks they need as lines of their own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import cast

from starlette.requests import Request
from starlette.responses import Response

from forkpoint_server.endpoints.requests import (
    authenticate,
    json_response,
    read_json,
    services_of,
)
from forkpoint_server.errors import BadRequest, LimitExceeded
from forkpoint_server.ingestion.batch import IngestResult, ingest
from forkpoint_server.ingestion.reading import read_line
from forkpoint_server.security.bodies import read_packed_body
from forkpoint_server.security.scopes import Scope
from forkpoint_server.settings import Limits

_TYPES = frozenset({"application/x-ndjson", "application/jsonl", "application/json"})


class UnsupportedMediaType(BadRequest):
    """The body is not NDJSON; forms and plain text are refused unread."""

    status = 415


@dataclass(frozen=True, slots=True, kw_only=True)
class Lines:
    """A body taken apart. `places` are the line numbers of the events, from 0."""

    events: list[object] = field(default_factory=list[object])
    places: list[int] = field(default_factory=list[int])
    blocks: list[object] = field(default_factory=list[object])
    rejected: list[Mapping[str, object]] = field(default_factory=list[Mapping[str, object]])


async def post_events(request: Request) -> Response:
    """Store the lines in one transaction; the answer names what was accepted and what was not."""
    services = services_of(request)
    limits = services.settings.limits
    if request.headers.get("content-type", "").partition(";")[0].strip() not in _TYPES:
        raise UnsupportedMediaType("send application/x-ndjson", field="content-type")
    principal = await authenticate(request)
    principal.require(Scope.INGEST)
    body = await read_packed_body(request, limit=limits.events_body, idle_s=limits.idle_s)
    lines = read_lines(body, limits)
    if principal.token_id:
        services.event_rate.take(principal.token_id, len(lines.events), now_s=services.steady())
    result = await ingest(
        services.database,
        principal,
        events=lines.events,
        blocks=lines.blocks,
        live=services.publisher(principal.project_id),
    )
    answer = _answer(result, lines)
    return json_response(answer, status=_status(result, cast("list[object]", answer["rejected"])))


def read_lines(body: bytes, limits: Limits) -> Lines:
    """Parse each line by itself; a line that is no JSON is rejected alone."""
    texts = body.split(b"\n")
    if len(texts) > limits.events_lines + 1:
        raise LimitExceeded("lines", limits.events_lines)
    lines = Lines()
    for place, text in enumerate(texts):
        if not text.strip():
            continue
        if len(text) > limits.events_line:
            lines.rejected.append(_rejection(place, "field_too_large", "the line is over 1 MiB"))
            continue
        event = read_line(text)
        if event is not None:
            lines.events.append(event)
            lines.places.append(place)
            continue
        try:
            value = read_json(text, what=f"line {place}")
        except BadRequest as error:
            lines.rejected.append(_rejection(place, "schema_invalid", error.message))
            continue
        block = cast("Mapping[str, object]", value).get("block") if _is_object(value) else None
        if block is not None:
            lines.blocks.append(block)
        else:
            lines.events.append(value)
            lines.places.append(place)
    return lines


def _is_object(value: object) -> bool:
    return isinstance(value, Mapping)


def _answer(result: IngestResult, lines: Lines) -> dict[str, object]:
    refused = [
        {
            "index": lines.places[event.index],
            "id": event.id,
            "code": event.code,
            "message": event.message,
            "field": event.field,
        }
        for event in result.rejected
    ]
    return {
        "accepted": result.accepted,
        "duplicates": result.duplicates,
        "held": result.held,
        "rejected": [*lines.rejected, *refused],
        "missing": list(result.missing),
        "cursors": [{"runId": run, "seq": str(seq)} for run, seq in result.cursors.items()],
    }


def _status(result: IngestResult, rejected: Sequence[object]) -> int:
    """200 if anything was taken, else 409 for a conflict or missing blocks, else 400."""
    if result.accepted or result.duplicates or result.held:
        return 200
    if result.missing or any(event.code == "conflict" for event in result.rejected):
        return 409
    return 400 if rejected else 200


def _rejection(place: int, code: str, message: str) -> Mapping[str, object]:
    return {"index": place, "id": None, "code": code, "message": message, "field": None}
