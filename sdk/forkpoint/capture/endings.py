"""What a call came to: value, error or stream, as a fact to be written."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from forkpoint.capture.failures import class_name, describe, is_cancellation
from forkpoint.capture.items import (
    NO_NUMBERS,
    Numbers,
    Payload,
    Status,
    StepOver,
    Streamed,
    Withheld,
    payload_bytes,
)
from forkpoint.capture.snapshots import taken
from forkpoint.events.model import StepEnded
from forkpoint.replay.interception import Kept


class Ending(msgspec.Struct, frozen=True, kw_only=True):
    """What a call came to."""

    status: Status = "ok"
    output: Payload | None = None
    error: Payload | None = None
    error_class: str | None = None
    streamed: Streamed | None = None
    numbers: Numbers = NO_NUMBERS
    repeats: StepEnded | None = None
    kept: Kept | None = None


def failed(
    error: BaseException,
    *,
    output: Payload | None = None,
    streamed: Streamed | None = None,
    also: Mapping[str, object] | None = None,
    numbers: Numbers = NO_NUMBERS,
) -> Ending:
    """The end of a call that raised."""
    return Ending(
        status="cancelled" if is_cancellation(error) else "error",
        output=output,
        error=_described(error, also or {}),
        error_class=class_name(error),
        streamed=streamed,
        numbers=numbers,
    )


def step_over(key: str, strand: str, ending: Ending, now: int) -> StepOver:
    """The fact that a call is over."""
    return StepOver(
        key=key,
        strand=strand,
        status=ending.status,
        time_ns=now,
        size=payload_bytes(ending.output) + payload_bytes(ending.error),
        output=ending.output,
        error=ending.error,
        error_class=ending.error_class,
        streamed=ending.streamed,
        numbers=ending.numbers,
        repeats=ending.repeats,
        kept=ending.kept,
    )


def _described(error: BaseException, also: Mapping[str, object]) -> Payload:
    try:
        return taken({**describe(error), **also})
    except Exception:  # an exception whose own attributes raise
        return Withheld("unserialisable")
