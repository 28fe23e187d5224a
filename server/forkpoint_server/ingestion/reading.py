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
from forkpoint.events.ids import ROOT_TEXT, UUID_TEXT
from forkpoint.events.model import ArtifactRef, Event, ReplayInfo, StepEnded, StepStarted
from forkpoint.events.wire import FIELD_LIMIT, INT64_MAX, NAME_LIMIT, read_event

# Keys in order: the digest of an event is that of these bytes (`wire.content_digest`).
_encoder = msgspec.json.Encoder(order="deterministic")
_is_uuid, _is_root = UUID_TEXT.match, ROOT_TEXT.match


class _Batch(msgspec.Struct):
    """Its type is compiled once; a bare union would be compiled at each call."""

    events: list[Event]


class Read(msgspec.Struct, frozen=True):
    """An event that fits the schema."""

    event: Event
    body: bytes | None
    """As it is stored, where that was made already."""


_line: msgspec.json.Decoder[Event] = msgspec.json.Decoder(Event)
_EVENTS: tuple[type, ...] = Event.__args__


def read_line(text: bytes) -> Event | None:
    """A line of JSON as the event it seems to be; None: it has to be read with more care."""
    try:
        return _line.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def read_all(values: Sequence[object]) -> list[Read | EventError]:
    """Each value as the event that `read_event` makes of it, or the error that it raises.

    Values are parsed JSON, or events that `read_line` gave.
    """
    return [_checked(event, value) for event, value in zip(_converted(values), values, strict=True)]


def body_of(event: Event) -> bytes:
    """An event as JSON with sorted keys, as it is stored."""
    return _encoder.encode(event)


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


def _checked(event: Event | None, value: object) -> Read | EventError:
    body = None if event is None else plain_body(event)
    if event is not None and body is not None:
        return Read(event, body)
    return _one(msgspec.to_builtins(value) if isinstance(value, _EVENTS) else value)


def plain_body(event: Event) -> bytes | None:
    """The stored form of an event that `read_event` certainly takes; None says nothing."""
    if isinstance(event, StepStarted):
        plain = _is_plain_start(event)
    elif isinstance(event, StepEnded):
        plain = _is_plain_end(event)
    else:
        return None
    if not (
        plain
        and _are_int64(event.time_ns, event.sequence_no, event.writer)
        and _is_uuid(event.run_id)
        and _is_uuid(event.step_id)
        and all(map(_is_plain_ref, event.artifacts))
    ):
        return None
    try:
        body = _encoder.encode(event)
    except (UnicodeEncodeError, OverflowError):
        return None
    # a field over its limit would make the whole longer than that
    return body if len(body) <= FIELD_LIMIT and b"\\u0000" not in body else None


def _is_plain_start(event: StepStarted) -> bool:
    return (
        (event.replay is None or _is_plain_replay(event.replay))
        and (event.parent_id is None or _is_uuid(event.parent_id) is not None)
        and (event.signature is None or _is_root(event.signature) is not None)
        and (event.delta is None or _is_root(event.delta) is not None)
        and _are_short(event.name, event.model, event.subtype)
    )


def _is_plain_end(event: StepEnded) -> bool:
    return _are_short(event.model, event.error_class, event.finish_reason) and _are_int64(
        event.attempts,
        event.tokens_in or 0,
        event.tokens_out or 0,
        event.cost_micro_usd or 0,
        event.chunks or 0,
    )


def _is_plain_ref(ref: ArtifactRef) -> bool:
    return (
        (ref.root is None or _is_root(ref.root) is not None)
        and _are_int64(ref.size)
        and _are_short(ref.reason)
    )


def _is_plain_replay(replay: ReplayInfo) -> bool:
    source = 0 if replay.source is None else replay.source.seq
    return _are_int64(replay.rule or 0, replay.edit or 0, replay.waited_ns, source)


def _are_int64(*numbers: int) -> bool:
    return max(numbers) <= INT64_MAX and min(numbers) >= -INT64_MAX


def _are_short(*names: str | None) -> bool:
    return max(map(len, filter(None, names)), default=0) <= NAME_LIMIT


def _one(value: object) -> Read | EventError:
    try:
        return Read(read_event(value), None)
    except EventError as error:
        return error
    except TypeError:  # a list or dict where one of a closed list of words belongs
        return EventError("a word of the schema is not text", field="")
