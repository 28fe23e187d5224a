"""Errors as clients see them: a stable code, no input, nothing of our insides."""

from __future__ import annotations

import re
import traceback

import structlog
from forkpoint.errors import ForkpointError
from graphql import GraphQLError
from sqlalchemy.exc import DBAPIError

from forkpoint_server import telemetry
from forkpoint_server.errors import BadRequest, LimitExceeded, Overloaded, ServerError
from forkpoint_server.graphql.limits import BOUNDS

log = structlog.get_logger()

_STATEMENT_TIMEOUT = "57014"
_TOO_DEEP = "nested too deeply. Parsing aborted."
_TOO_MANY_TOKENS = "tokens. Parsing aborted."
_VALUES = (
    (re.compile(r" got invalid value .*", re.DOTALL), " does not fit its type"),
    (re.compile(r"( cannot represent .*?): .*", re.DOTALL), r"\1"),
    (re.compile(r"(, found) .*", re.DOTALL), r"\1 another"),
    (re.compile(r"^Value ('.*'|\".*\") does not exist", re.DOTALL), "This value does not exist"),
    (re.compile(r"^(Enum '\w+') cannot represent value.*", re.DOTALL), r"\1 has no such value"),
)
"""What the library says about values, and what we pass on of it."""


def present(error: GraphQLError) -> None:
    """Rewrite message and extensions of one error in place, and count it."""
    if error.extensions and "errorId" in error.extensions:
        return  # some paths of the library come here twice
    refused = refusal(error.original_error) if error.original_error else _refused_text(error)
    error.message = refused.message
    error.extensions = dict(refused.extensions)
    telemetry.graphql_errors.labels(code=refused.code).inc()


def refusal(error: BaseException) -> ServerError:
    """What to tell about an exception: itself if it was meant for callers, else an error id."""
    if isinstance(error, ServerError):
        return error
    if isinstance(error, GraphQLError):
        return refusal(error.original_error) if error.original_error else _refused_text(error)
    if isinstance(error, ForkpointError):
        return BadRequest(error.message, reason=error.code)
    if isinstance(error, TimeoutError):
        return Overloaded("the deadline passed; ask for less or ask again")
    if isinstance(error, DBAPIError):
        return _of_database(error)
    return _internal(error)


def _of_database(error: DBAPIError) -> ServerError:
    if getattr(error.orig, "sqlstate", None) == _STATEMENT_TIMEOUT:
        return LimitExceeded("statement_timeout", 5, "the question took over 5 s; ask for less")
    if error.connection_invalidated:
        return Overloaded("the database went away; send it again")
    return _internal(error)


def _internal(error: BaseException) -> ServerError:
    error_id = telemetry.error_id()
    # no message and no locals: they may hold payload
    frames = [f"{frame.name}:{frame.lineno}" for frame in traceback.extract_tb(error.__traceback__)]
    log.error(
        "request_failed",
        error_id=error_id,
        error=type(error).__name__,
        sqlstate=getattr(getattr(error, "orig", None), "sqlstate", None),
        frames=frames[-12:],
    )
    return ServerError("something failed here; quote the error id", errorId=error_id)


def _refused_text(error: GraphQLError) -> ServerError:
    """A document or variables that do not fit the schema; values that were sent are cut off."""
    if error.message.endswith(_TOO_DEEP):
        return LimitExceeded("depth", BOUNDS.depth)
    if error.message.endswith(_TOO_MANY_TOKENS):
        return LimitExceeded("tokens", 2000, "the document has too many tokens; split it")
    return BadRequest(without_values(error.message))


def without_values(message: str) -> str:
    """A message of the library without the values that were sent; names of fields and types stay.

    Values stand at the end of these messages, or in quotes after the word Value.
    """
    for pattern, kept in _VALUES:
        message = pattern.sub(kept, message)
    return message
