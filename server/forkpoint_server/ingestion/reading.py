"""Reading many events at once: well-formed ones quickly, any other through the schema's own door.

`wire.read_event` decides what is an event and names each mistake. Nearly all events of a batch are
without one, so they are converted together (lines of JSON: each straight into its event) and then
only looked over for what a type cannot say; whatever looks odd is read again, alone, by
`read_event`.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

import msgspec
from forkpoint.errors import EventError
from forkpoint.events.model import Event
from forkpoint.events.wire import read_event

from forkpoint_server.ingestion.plain import plain_body


class _Batch(msgspec.Struct):
    """Its type is compiled once; a bare union would be compiled at each call."""

    events: list[Event]


class Read(msgspec.Struct, frozen=True, gc=False):
    """An event that fits the schema."""

    event: Event
    body: bytes | None
    """As it is stored, of an event that the tables take too; None: that is still to be seen."""


_line: msgspec.json.Decoder[Event] = msgspec.json.Decoder(Event)
_EVENTS: tuple[type, ...] = Event.__args__


def read_line(text: bytes) -> Event | None:
    """A line of JSON as the event it seems to be; None: it has to be read with more care."""
    try:
        return _line.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def read_stored(body: bytes) -> Event:
    """The event of a stored body, whatever version it was sent in."""
    event = read_line(body)
    return event if event is not None else read_event(msgspec.json.decode(body))


def read_all(values: Sequence[object]) -> list[Read | EventError]:
    """Each value as the event that `read_event` makes of it, or the error that it raises.

    Values are parsed JSON, or events that `read_line` gave.
    """
    uuids: set[str] = set()
    return [
        checked(event, value, uuids)
        for event, value in zip(_converted(values), values, strict=True)
    ]


def _converted(values: Sequence[object]) -> Sequence[Event | None]:
    """Values as events where all that are not yet can be converted together, else None there."""
    raw = [value for value in values if not isinstance(value, _EVENTS)]
    converted: Sequence[Event | None] = [None] * len(raw)
    with suppress(msgspec.ValidationError, UnicodeEncodeError, RecursionError):
        converted = msgspec.convert({"events": raw}, _Batch).events if raw else []
    if len(raw) == len(values):
        return converted
    following = iter(converted)
    return [value if isinstance(value, Event) else next(following) for value in values]


def checked(event: Event | None, value: object, uuids: set[str]) -> Read | EventError:
    """One value; `event` is what it was converted to already, `uuids` as in `plain_body`."""
    body = None if event is None else plain_body(event, uuids)
    if event is not None and body is not None:
        return Read(event, body)
    return _one(msgspec.to_builtins(value) if isinstance(value, _EVENTS) else value)


def _one(value: object) -> Read | EventError:
    try:
        return Read(read_event(value), None)
    except EventError as error:
        return error
    except TypeError:  # a list or dict where one of a closed list of words belongs
        return EventError("a word of the schema is not text", field="")
