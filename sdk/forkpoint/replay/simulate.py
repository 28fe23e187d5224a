"""Answers that never happened: the operator's payloads, and failures on demand."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import cast

import msgspec

from forkpoint.errors import ReplayError
from forkpoint.replay.pointers import PointerError, tokens_of, value_at
from forkpoint.replay.policy import Case, Fault, Simulate

MODEL = "model:"
"""Before the id of a model that answers, as a resolver's name."""
FROM = "$from"
"""`{"$from": "/args/query"}` in a template stands for that value of the call's input."""
_LIBRARIES = frozenset({"openai", "anthropic"})
_BY_STATUS = {
    400: "BadRequestError",
    401: "AuthenticationError",
    403: "PermissionDeniedError",
    404: "NotFoundError",
    409: "ConflictError",
    422: "UnprocessableEntityError",
    429: "RateLimitError",
}
"""Exception classes both libraries raise; 5xx is `InternalServerError`."""


class Payload(msgspec.Struct, frozen=True):
    """A simulated answer: an output, or an error value."""

    output: object = None
    error: Mapping[str, object] | None = None
    delay_s: float = 0
    """How long it takes to come."""
    resolver: str | None = None
    """The function of the host that gives the output."""


def payload(simulate: Simulate, inputs: Mapping[str, object], *, codec: str | None) -> Payload:
    """The answer for a call with these input parts; `ReplayError` `simulator_failed` if none."""
    if simulate.static is not msgspec.UNSET:
        return Payload(simulate.static)
    if simulate.template is not msgspec.UNSET:
        return Payload(_filled(simulate.template, inputs))
    if isinstance(simulate.cases, tuple):
        return Payload(_chosen(simulate.cases, inputs))
    if isinstance(simulate.fault, Fault):
        fault = simulate.fault
        delay = fault.latency_s or fault.timeout_s or 0
        return Payload(error=_fault(fault, codec), delay_s=delay)
    if isinstance(simulate.function, str):
        return Payload(resolver=simulate.function)
    return Payload(resolver=f"{MODEL}{simulate.model}")


def http_failure(status: int, codec: str | None) -> dict[str, object]:
    """The error value of a call that a provider refused with an HTTP status."""
    known = status in HTTPStatus._value2member_map_
    phrase = HTTPStatus(status).phrase if known else "HTTP error"
    library = (codec or "").partition(".")[0]
    name = _BY_STATUS.get(status, "InternalServerError" if status >= 500 else "APIStatusError")
    if library not in _LIBRARIES:
        library, name = "builtins", "RuntimeError"
    return error_value(name, f"Error code: {status} - {phrase}", module=library, status=status)


def error_value(
    name: str, message: str, *, module: str = "builtins", status: int | None = None
) -> dict[str, object]:
    """An `error` artifact's value, as the recorder writes them."""
    return {
        "class": name,
        "module": module,
        "message": message,
        "repr": f"{name}({message!r})",
        "args": [message],
        "status": status,
        "body": None,
        "causes": [],
    }


def failure(value: object, codec: str | None) -> dict[str, object]:
    """The error value an operator asked for: an HTTP status, a message, or fields of one."""
    if isinstance(value, int):
        return http_failure(value, codec)
    if isinstance(value, str):
        return error_value("RuntimeError", value)
    fields = cast("dict[str, object]", value)
    name, message = str(fields.get("class", "RuntimeError")), str(fields.get("message", ""))
    return {**error_value(name, message), **fields}


def _fault(fault: Fault, codec: str | None) -> dict[str, object]:
    if fault.timeout_s is not None:
        return error_value("TimeoutError", f"timed out after {fault.timeout_s:g} s")
    if fault.error is None:
        raise _failed("a fault of latency alone needs an answer from another source")
    return failure(fault.error, codec)


def _chosen(cases: tuple[Case, ...], inputs: Mapping[str, object]) -> object:
    for case in cases:
        if all(_holds(inputs, pointer, value) for pointer, value in case.when.items()):
            return case.value
    raise _failed("no case fits this call; add one with an empty `when` as the last")


def _holds(inputs: Mapping[str, object], pointer: str, expected: object) -> bool:
    try:
        return value_at(inputs, tokens_of(pointer)) == expected
    except PointerError:
        return False


def _filled(template: object, inputs: Mapping[str, object]) -> object:
    if isinstance(template, list):
        return [_filled(item, inputs) for item in cast("list[object]", template)]
    if not isinstance(template, dict):
        return template
    members = cast("dict[str, object]", template)
    if set(members) == {FROM}:
        try:
            return value_at(inputs, tokens_of(str(members[FROM])))
        except PointerError as error:
            raise _failed(error.message) from None
    return {key: _filled(value, inputs) for key, value in members.items()}


def _failed(why: str) -> ReplayError:
    return ReplayError(f"no simulated answer: {why}", code="simulator_failed")
