"""Events of a bundle, line by line: the checks of `events.wire`, in a tenth of the time.

A line in which nothing is unusual (no escapes, no huge numbers, nothing long) is decoded straight
into an event and only its ids are looked at; every other line goes through `read_event`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

import msgspec
import orjson

from forkpoint.bundle.archive import refused
from forkpoint.bundle.manifest import LINE_LIMIT
from forkpoint.errors import EventError
from forkpoint.events.ids import ROOT_TEXT, UUID_TEXT
from forkpoint.events.model import (
    ArtifactRef,
    Event,
    Gap,
    StepAttempt,
    StepEnded,
    StepStarted,
)
from forkpoint.events.wire import INT64_MAX, NAME_LIMIT, read_event

Numbered = tuple[int, Event]


class _Row(msgspec.Struct, forbid_unknown_fields=True):
    """One line."""

    seq: int
    event: Event


_decoder = msgspec.json.Decoder(_Row)
_PLAIN_BYTES = 16_384
_ESCAPE = b"\\u"
"""May hide a NUL or half a surrogate pair."""
_DIGITS = bytes(48 if 48 <= byte <= 57 else 32 for byte in range(256))
_LONG_INTEGER = b"0" * 19
"""What may not fit 64 bits; one such number a line is its time, which is looked at."""


def read_events(view: memoryview) -> Iterator[Numbered]:
    """The events of `events.ndjson` in ascending order; `BundleError` for any that is none."""
    before = -1
    for line in _lines(view):
        seq, event = _plain(line) or _careful(line)
        if seq <= before:
            raise refused("its events are not in order")
        before = seq
        yield seq, event


def _lines(view: memoryview) -> Iterator[bytes]:
    start, size = 0, len(view)
    while start < size:
        chunk = bytes(view[start : start + LINE_LIMIT])
        end = chunk.rfind(b"\n")
        if end < 0:
            raise refused(f"an event is longer than {LINE_LIMIT} bytes, or the last is cut off")
        yield from chunk[:end].split(b"\n")
        start += end + 1


def _plain(line: bytes) -> Numbered | None:
    """The event of a line that is as ours always are; None if it has to be looked at closely."""
    if len(line) > _PLAIN_BYTES or _ESCAPE in line:
        return None
    if line.translate(_DIGITS).count(_LONG_INTEGER) > 1:
        return None
    try:
        row = _decoder.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    event = row.event
    if event.beyond is not None or event.time_ns > INT64_MAX or not UUID_TEXT.match(event.run_id):
        return None
    return (row.seq, event) if _holds(event) else None


def _holds(event: Event) -> bool:
    """Whether ids are ids, roots are roots and names are short enough. Called for every line."""
    if isinstance(event, StepStarted):
        own = _started_holds(event)
    elif isinstance(event, StepEnded):
        own = UUID_TEXT.match(event.step_id) and _short(
            event.model, event.error_class, event.finish_reason
        )
    elif isinstance(event, StepAttempt):
        return bool(UUID_TEXT.match(event.step_id)) and _short(event.error_class)
    elif isinstance(event, Gap):
        return _short(event.reason)
    else:
        own = (event.step_id is None or UUID_TEXT.match(event.step_id)) and _short(event.name)
    return bool(own) and all(map(_artifact_holds, event.artifacts))


def _started_holds(event: StepStarted) -> bool:
    return bool(
        UUID_TEXT.match(event.step_id)
        and (event.parent_id is None or UUID_TEXT.match(event.parent_id))
        and (event.signature is None or ROOT_TEXT.match(event.signature))
        and (event.delta is None or ROOT_TEXT.match(event.delta))
        and _short(event.name, event.model, event.subtype)
    )


def _artifact_holds(ref: ArtifactRef) -> bool:
    root, reason = ref.root, ref.reason
    return (root is None or ROOT_TEXT.match(root) is not None) and (
        reason is None or len(reason) <= NAME_LIMIT
    )


def _short(*names: str | None) -> bool:
    return all(name is None or len(name) <= NAME_LIMIT for name in names)


def _careful(line: bytes) -> Numbered:
    try:
        fields: object = orjson.loads(line)
    except orjson.JSONDecodeError:
        raise refused("an event is not JSON") from None
    if not isinstance(fields, dict):
        raise refused("an event is no object")
    members = cast("dict[str, object]", fields)
    seq = members.get("seq")
    if type(seq) is not int or members.keys() != {"seq", "event"}:
        raise refused("an event has no number")
    try:
        return seq, read_event(members["event"])
    except EventError as error:
        raise refused(f"event {seq}: {error.message}") from None
