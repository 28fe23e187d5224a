"""POST /v1/traces and /v1/logs: OTLP/HTTP, protobuf and JSON (OpenTelemetry protocol, OTLP/HTTP).

Refusals are `google.rpc.Status` in the format of the request. There is no 429: exporters of before
mid-2026 drop what was refused with it.
"""

from __future__ import annotations

import asyncio

import orjson
from google.protobuf.message import Message
from google.rpc.status_pb2 import Status
from starlette.requests import Request
from starlette.responses import Response

from forkpoint_server.endpoints.requests import Handler, authenticate, sender_of, services_of
from forkpoint_server.errors import LimitExceeded, RateLimited, ServerError
from forkpoint_server.graphql.errors import refusal
from forkpoint_server.ingestion.otlp.decode import Form, Signal, answer_of, form_of
from forkpoint_server.ingestion.otlp.failures import Busy, NotServed, UnsupportedMediaType
from forkpoint_server.security.bodies import UNPACKERS, BodyLimits, read_pieces
from forkpoint_server.security.room import Grow
from forkpoint_server.security.scopes import Scope

_RPC_CODES = {400: 3, 401: 16, 403: 7, 404: 5, 413: 8, 415: 3, 503: 14}
"""HTTP status to google.rpc.Code; anything else is INTERNAL (13)."""


def export(signal: Signal) -> Handler:
    """The handler of one signal."""

    async def handle(request: Request) -> Response:
        form = Form.PROTOBUF
        try:
            form = form_of(request.headers.get("content-type", ""))
            return await _export(request, form, signal)
        except Exception as error:  # the edge: every failure has an answer in the right format
            return _refused(refusal(error), form)

    return handle


async def no_metrics(request: Request) -> Response:
    """404 that says how to stop the exporter."""
    refused = NotServed("metrics are not taken here: set OTEL_METRICS_EXPORTER=none")
    plain = request.headers.get("content-type", "").startswith("application/json")
    return _refused(refused, Form.JSON if plain else Form.PROTOBUF)


async def _export(request: Request, form: Form, signal: Signal) -> Response:
    services = services_of(request)
    principal = await authenticate(request)
    principal.require(Scope.INGEST)
    await services.admit(principal)
    with services.room.entered(sender_of(request, principal)) as grow:
        body = await _body(request, grow)
        services.allowances.spend(principal, events=0, size=len(body))
        taken = await services.otlp.take(
            principal,
            body,
            form=form,
            signal=signal,
            live=services.publisher(principal.project_id),
        )
    if taken.job is not None:
        await services.wake(taken.job)
    return _answer(answer_of(signal, rejected=taken.rejected, message=taken.message), form)


async def _body(request: Request, grow: Grow) -> bytes:
    """The unpacked body; both forms stay below the limit, and what is unpacked takes its room."""
    services = services_of(request)
    limit, limits = services.otlp.limits.body, services.settings.limits
    encoding = request.headers.get("content-encoding", "identity").strip().lower() or "identity"
    if encoding != "identity" and encoding not in UNPACKERS:
        raise UnsupportedMediaType(
            "content-encoding must be gzip, deflate or zstd, once", field="content-encoding"
        )
    packed: list[bytes] = []
    bounds = BodyLimits(size=limit, idle_s=limits.idle_s, whole_s=limits.body_s, name="otlp.body")
    async for piece in read_pieces(request, bounds):
        grow(len(piece))
        packed.append(piece)
    if encoding == "identity":
        return b"".join(packed)
    unpacker = UNPACKERS[encoding](limit)

    def unpack() -> bytes:
        body = bytearray()
        for piece in packed:
            for part in unpacker.feed(piece):
                grow(len(part))
                body += part
        unpacker.finish()
        return bytes(body)

    try:
        return await asyncio.to_thread(unpack)
    except LimitExceeded:
        raise LimitExceeded("otlp.body", limit) from None


def _answer(message: Message, form: Form, *, status: int = 200) -> Response:
    if form is Form.PROTOBUF:
        return Response(message.SerializeToString(), status, media_type=form.value)
    return Response(orjson.dumps(_json(message)), status, media_type=form.value)


def _json(message: Message) -> dict[str, object]:
    """A response or status as JSON: camelCase names, integers of 64 bits as text."""
    found: dict[str, object] = {}
    for field, value in message.ListFields():
        if field.message_type is not None:
            found[field.json_name] = _json(value)
        else:
            found[field.json_name] = str(value) if "rejected" in field.name else value
    return found


def _refused(error: ServerError, form: Form) -> Response:
    if isinstance(error, RateLimited):
        error = Busy(error.message)
    status = Status(code=_RPC_CODES.get(error.status, 13), message=error.message)
    answer = _answer(status, form, status=error.status)
    if error.status == 503:
        answer.headers["retry-after"] = str(Busy.retry_after_s)
    if error.status == 401:
        answer.headers["www-authenticate"] = "Bearer"
    return answer
