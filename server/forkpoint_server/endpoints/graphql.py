"""POST /graphql: one operation, one answer."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import cast

from starlette.requests import Request
from starlette.responses import Response
from strawberry.exceptions import MissingQueryError
from strawberry.schema.exceptions import CannotGetOperationTypeError, InvalidOperationTypeError
from strawberry.types import ExecutionResult
from strawberry.types.execution import PreExecutionError
from strawberry.types.graphql import OperationType

from forkpoint_server.endpoints.requests import (
    authenticate,
    encode_json,
    peer_of,
    sender_of,
    services_of,
)
from forkpoint_server.errors import BadRequest, LimitExceeded, ServerError
from forkpoint_server.graphql.context import Context
from forkpoint_server.graphql.errors import refusal
from forkpoint_server.graphql.schema import schema
from forkpoint_server.security.bodies import BodyLimits, read_packed_body
from forkpoint_server.security.json_text import read_json

_BY_POST = (OperationType.QUERY, OperationType.MUTATION)


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """What a client asks to run."""

    query: str
    variables: dict[str, object]
    name: str | None


class UnsupportedMediaType(BadRequest):
    """The body is not application/json; forms and plain text are refused unread."""

    status = 415


async def post_graphql(request: Request) -> Response:
    """Run one operation. 200 once it executes, else the status of the refusal."""
    try:
        result = await _execute(request)
    except Exception as error:
        return _refused(refusal(error))
    errors = result.errors or []
    body: dict[str, object] = {"data": result.data}
    if errors:
        body["errors"] = [error.formatted for error in errors]
    status = 400 if isinstance(result, PreExecutionError) else 200
    return _response(body, status=status)


async def _execute(request: Request) -> ExecutionResult:
    services = services_of(request)
    limits = services.settings.limits
    if request.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
        raise UnsupportedMediaType("send application/json", field="content-type")
    principal = await authenticate(request)
    bounds = BodyLimits(size=limits.graphql_body, idle_s=limits.idle_s, whole_s=limits.body_s)
    with services.room.entered(sender_of(request, principal)) as grow:
        body = await read_packed_body(request, bounds, grow)
        operation = _operation(read_json(body), query_limit=limits.query)
        context = Context(
            services,
            principal,
            peer=peer_of(request).address,
            is_socket=False,
            body_size=len(body),
        )
        return await _run(operation, context, limits.deadline_s)


async def _run(operation: Operation, context: Context, deadline_s: float) -> ExecutionResult:
    try:
        async with asyncio.timeout(deadline_s):
            result = await schema.execute(
                operation.query,
                variable_values=operation.variables,
                context_value=context,
                operation_name=operation.name,
                allowed_operation_types=_BY_POST,
            )
            await context.audit_refused()
            return result
    except (MissingQueryError, CannotGetOperationTypeError):
        raise BadRequest("`query` must hold the operation to run", field="query") from None
    except InvalidOperationTypeError:
        raise BadRequest("subscriptions go over the WebSocket", field="query") from None


def _operation(body: object, *, query_limit: int) -> Operation:
    """The operation in a body; batches are refused."""
    if not isinstance(body, dict):
        raise BadRequest("send one operation as a JSON object", field="body")
    fields = cast("dict[str, object]", body)
    query: object = fields.get("query")
    variables: object = fields.get("variables") or cast("dict[str, object]", {})
    name = fields.get("operationName")
    if not isinstance(query, str) or not query:
        raise BadRequest("`query` must hold the operation to run", field="query")
    if len(query) > query_limit:
        raise LimitExceeded("query", query_limit)
    if not isinstance(variables, dict):
        raise BadRequest("`variables` must be an object", field="variables")
    if name is not None and not isinstance(name, str):
        raise BadRequest("`operationName` must be a string", field="operationName")
    return Operation(query=query, variables=cast("dict[str, object]", variables), name=name)


def _refused(error: ServerError) -> Response:
    shown = {"message": error.message, "extensions": error.extensions}
    response = _response({"data": None, "errors": [shown]}, status=error.status)
    if error.retry_after_s is not None:
        response.headers["retry-after"] = str(error.retry_after_s)
    return response


def _response(body: dict[str, object], *, status: int) -> Response:
    return Response(encode_json(body), status_code=status, media_type="application/json")
