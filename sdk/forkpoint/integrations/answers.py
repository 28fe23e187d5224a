"""What an answer's bytes are worth: values, times of events, numbers; pure, for the background."""

from __future__ import annotations

import json
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import cast

from forkpoint.capture.endings import Ending
from forkpoint.capture.items import Numbers
from forkpoint.capture.snapshots import taken
from forkpoint.integrations import sse
from forkpoint.integrations.assembled import Merger, TimedEvent


@dataclass(frozen=True, slots=True)
class Answers:
    """How the answers of one kind of request are read."""

    merge: Merger
    numbers_of: Callable[[object, int], Numbers]
    as_events: Callable[[object], Sequence[tuple[str | None, object]]]
    """A whole answer as the events of a stream, for a caller that asks for one."""

    def numbers(self, output: object, *, attempts: int) -> Numbers:
        """What an answer says of itself."""
        return self.numbers_of(output, attempts)

    def whole(self, body: bytes, content_type: str, *, attempts: int) -> Ending:
        """The end of a call whose answer came in one piece."""
        output = value_of(body, content_type)
        return Ending(output=taken(output), numbers=self.numbers(output, attempts=attempts))


def value_of(body: bytes, content_type: str) -> object:
    """JSON as its value, other text as text, anything else as bytes."""
    if "json" in content_type:
        try:
            return cast("object", json.loads(body))
        except ValueError:
            return body.decode("utf-8", "replace")
    if content_type.startswith("text/"):
        return body.decode("utf-8", "replace")
    return body


def timed_events(body: bytes, times: Sequence[tuple[int, int]]) -> list[TimedEvent]:
    """The events of a stream, each with the time its last byte came."""
    events: list[TimedEvent] = []
    for event in sse.parse(body):
        if event.data.startswith(sse.DONE):
            break
        at = bisect_left(times, (event.end, 0))
        ms = times[min(at, len(times) - 1)][1] if times else 0
        events.append(TimedEvent(event.name, _json_or_text(event.data), ms))
    return events


def _json_or_text(data: str) -> object:
    try:
        return cast("object", json.loads(data))
    except ValueError:
        return data
