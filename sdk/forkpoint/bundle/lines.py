"""Events of a bundle, line by line: the checks of `events.wire`, in a tenth of the time.

A line in which nothing is unusual (no escapes, no huge numbers, nothing long) is decoded straight
into an event and only its ids are looked at; every other line goes through `read_event`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
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
    Note,
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
    return (row.seq, event) if _ids_hold(event) and _names_hold(event) else None


def _ids_hold(event: Event) -> bool:
    if isinstance(event, StepStarted):
        roots = [root for root in (event.signature, event.delta) if root is not None]
        ids = [event.step_id] if event.parent_id is None else [event.step_id, event.parent_id]
    elif isinstance(event, Gap):
        return True
    else:
        roots = []
        ids = [] if event.step_id is None else [event.step_id]
    if not isinstance(event, StepAttempt):
        roots += _roots(event.artifacts)
    return all(map(UUID_TEXT.match, ids)) and all(map(ROOT_TEXT.match, roots))


def _roots(refs: Iterable[ArtifactRef]) -> list[str]:
    return [ref.root for ref in refs if ref.root is not None]


def _names_hold(event: Event) -> bool:
    if isinstance(event, StepStarted):
        names = (event.name, event.model, event.subtype)
    elif isinstance(event, StepEnded):
        names = (event.model, event.error_class, event.finish_reason)
    elif isinstance(event, StepAttempt):
        names = (event.error_class,)
    else:
        names = (event.name,) if isinstance(event, Note) else (event.reason,)
    refs = () if isinstance(event, Gap | StepAttempt) else event.artifacts
    reasons = [ref.reason for ref in refs]
    return all(name is None or len(name) <= NAME_LIMIT for name in (*names, *reasons))


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
