"""Reading many events at once: well-formed ones quickly, any other through the schema's own door.

`wire.read_event` decides what is an event and names each mistake. Nearly all events of a batch are
without one, so they are converted together and then only looked over for what a type cannot say;
whatever looks odd is read again, alone, by `read_event`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import msgspec
from forkpoint.errors import EventError
from forkpoint.events.ids import ROOT_TEXT, UUID_TEXT
from forkpoint.events.model import Event, ReplayInfo, StepEnded, StepStarted
from forkpoint.events.wire import FIELD_LIMIT, INT64_MAX, NAME_LIMIT, read_event

# Keys in order: the digest of an event is that of these bytes (`wire.content_digest`).
_encoder = msgspec.json.Encoder(order="deterministic")


class _Batch(msgspec.Struct):
    """Its type is compiled once; a bare union would be compiled at each call."""

    events: list[Event]


def read_all(values: Sequence[object]) -> list[Event | EventError]:
    """Each value as the event that `read_event` makes of it, or the error that it raises."""
    try:
        events = msgspec.convert({"events": values}, _Batch).events
    except (msgspec.ValidationError, UnicodeEncodeError, RecursionError):
        return [_one(value) for value in values]
    return [
        event if is_plain(event) else _one(value)
        for event, value in zip(events, values, strict=True)
    ]


def body_of(event: Event) -> bytes:
    """An event as JSON with sorted keys, as it is stored."""
    return _encoder.encode(event)


def is_plain(event: Event) -> bool:
    """Whether `read_event` certainly takes this event; False says nothing."""
    if isinstance(event, StepStarted):
        if event.replay is not None and not _is_plain_replay(event.replay):
            return False
        numbers = [event.time_ns, event.sequence_no, event.writer]
        names = [event.name, event.model, event.subtype]
        roots = [event.signature, event.delta]
        steps = [event.step_id, event.parent_id]
    elif isinstance(event, StepEnded):
        numbers = [event.time_ns, event.sequence_no, event.writer, event.attempts]
        numbers += [event.tokens_in or 0, event.tokens_out or 0, event.cost_micro_usd or 0]
        numbers.append(event.chunks or 0)
        names = [event.model, event.error_class, event.finish_reason]
        roots, steps = [], [event.step_id]
    else:
        return False
    numbers += [ref.size for ref in event.artifacts]
    roots += [ref.root for ref in event.artifacts]
    names += [ref.reason for ref in event.artifacts]
    return (
        _are_int64(numbers)
        and _all_match(UUID_TEXT, [event.run_id, *steps])
        and _all_match(ROOT_TEXT, roots)
        and all(len(name) <= NAME_LIMIT for name in names if name is not None)
        and _is_plain_text(event)
    )


def _is_plain_text(event: Event) -> bool:
    try:
        text = body_of(event)
    except (UnicodeEncodeError, OverflowError):
        return False
    # a field over its limit would make the whole longer than that
    return len(text) <= FIELD_LIMIT and b"\\u0000" not in text


def _is_plain_replay(replay: ReplayInfo) -> bool:
    source = 0 if replay.source is None else replay.source.seq
    return _are_int64([replay.rule or 0, replay.edit or 0, replay.waited_ns, source])


def _are_int64(numbers: Sequence[int]) -> bool:
    return max(numbers) <= INT64_MAX and min(numbers) >= -INT64_MAX


def _all_match(pattern: re.Pattern[str], texts: Iterable[str | None]) -> bool:
    return all(pattern.match(text) for text in texts if text is not None)


def _one(value: object) -> Event | EventError:
    try:
        return read_event(value)
    except EventError as error:
        return error
    except TypeError:  # a list or dict where one of a closed list of words belongs
        return EventError("a word of the schema is not text", field="")
