"""Reading what a sender gave: one bad event fails alone, with a code and the field."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
from forkpoint.content import ContentError
from forkpoint.errors import EventError
from forkpoint.events import ids
from forkpoint.events.kinds import ArtifactState
from forkpoint.events.model import ArtifactRef, Event, Gap, StepEnded, StepStarted

from forkpoint_server.ingestion.digests import read_digest
from forkpoint_server.ingestion.plain import ARTIFACTS_LIMIT, INT32_MAX, SEQUENCE_MAX, body_of
from forkpoint_server.ingestion.reading import Read, read_all

CONFLICT = "conflict"
"""Code of an event whose id stands for another one already: `CONFLICT` in the faults guide."""
TOO_LARGE = "event_too_large"
"""Code of an event over the project's quota of bytes."""


class Incoming(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """An event that fits the schema, with its identity."""

    index: int
    """Place in the request; -1 for events that were held, or made here."""
    event: Event
    id: bytes
    """Idempotency key, 32 bytes."""
    digest: bytes
    """Of the content, 32 bytes."""
    body: bytes
    """The event as JSON, as it is stored."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejected:
    """An event that was not stored, and why; sending it again cannot help."""

    index: int
    id: str | None
    code: str
    message: str
    field: str | None = None


def read_events(values: Sequence[object]) -> tuple[list[Incoming], list[Rejected]]:
    """Each value as an event, or as its rejection."""
    read: list[Incoming] = []
    rejected: list[Rejected] = []
    for index, found in enumerate(read_all(values)):
        each = taken(found, index=index)
        if isinstance(each, Incoming):
            read.append(each)
        else:
            rejected.append(each)
    return read, rejected


def within(
    events: Sequence[Incoming], event_bytes: int | None
) -> tuple[Sequence[Incoming], list[Rejected]]:
    """The events that are not over a quota of bytes, and the refusals of the others."""
    if event_bytes is None:
        return events, []
    small = [each for each in events if len(each.body) <= event_bytes]
    message = f"an event of this project may have {event_bytes} bytes; move content to artifacts"
    large = [
        Rejected(index=each.index, id=each.id.hex(), code=TOO_LARGE, message=message)
        for each in events
        if len(each.body) > event_bytes
    ]
    return small, large


def taken(found: Read | EventError, *, index: int) -> Incoming | Rejected:
    """What was read, with its identity; or why it cannot be stored."""
    if isinstance(found, EventError):
        return _rejected(index, found)
    if found.body is None and (mistake := _mistake(found.event)) is not None:
        return _rejected(index, mistake)
    return incoming(found.event, index=index, body=found.body)


def incoming(event: Event, *, index: int = -1, body: bytes | None = None) -> Incoming:
    """An event with its identity and stored form; `body` is that form if it was made already."""
    stored = body_of(event) if body is None else body
    return Incoming(
        index=index,
        event=event,
        id=ids.event_key(
            event.run_id, step_of(event), _TYPES[type(event)], event.writer, event.sequence_no
        ),
        digest=hashlib.sha256(stored).digest(),
        body=stored,
    )


def event_type(event: Event) -> str:
    """The word that stands for its class on the wire."""
    return _TYPES[type(event)]


def step_of(event: Event) -> str | None:
    """The step an event speaks of, None if it is about the run."""
    return None if isinstance(event, Gap) else event.step_id


def artifacts_of(event: Event) -> tuple[ArtifactRef, ...]:
    """The payload an event points to."""
    return getattr(event, "artifacts", ())


def root_of(ref: ArtifactRef) -> str | None:
    """The root that must be stored for a reference: a withheld payload has none."""
    return None if ref.state is ArtifactState.WITHHELD else ref.root


def check_artifacts(refs: Sequence[ArtifactRef]) -> None:
    """Raise `EventError` for references that cannot be stored."""
    if len(refs) > ARTIFACTS_LIMIT:
        raise EventError(
            f"an event may have {ARTIFACTS_LIMIT} artifacts",
            code="field_too_large",
            field="artifacts",
        )
    for index, ref in enumerate(refs):
        if ref.state is ArtifactState.CLEAN and ref.root is None:
            raise EventError(
                "a clean artifact needs its root",
                code="root_invalid",
                field=f"artifacts[{index}].root",
            )
        _check_digest(ref.root, f"artifacts[{index}].root")
        if ref.size < 0:
            raise EventError("a size is not negative", field=f"artifacts[{index}].size")


def _mistake(event: Event) -> EventError | None:
    """What the schema allows and the tables do not."""
    try:
        _check(event)
    except EventError as error:
        return error
    return None


def _rejected(index: int, error: EventError) -> Rejected:
    field = error.details.get("field")
    return Rejected(
        index=index,
        id=None,
        code=error.code,
        message=error.message,
        field=str(field) if field else None,
    )


def _check(event: Event) -> None:
    _at_most(event.writer, INT32_MAX, "writer")
    _at_most(event.minor, INT32_MAX, "minor")
    _at_most(event.sequence_no, SEQUENCE_MAX, "sequence_no")
    check_artifacts(artifacts_of(event))
    if isinstance(event, StepEnded):
        _at_most(event.attempts, INT32_MAX, "attempts")
        _at_most(event.chunks or 0, INT32_MAX, "chunks")
        _at_most(event.tokens_in or 0, INT32_MAX, "tokens_in")
        _at_most(event.tokens_out or 0, INT32_MAX, "tokens_out")
    elif isinstance(event, StepStarted):
        _check_digest(event.signature, "signature")
        _check_digest(event.delta, "delta")
    elif isinstance(event, Gap):
        _at_most(event.count, INT32_MAX, "count")
        if not 0 <= event.first <= event.last < 2**62:
            raise EventError("a gap runs from `first` up to `last`", field="first")


def _check_digest(text: str | None, field: str) -> None:
    """The last of 43 characters carries four bits: most letters there are no digest's."""
    if text is not None:
        try:
            read_digest(text)
        except ContentError:
            raise EventError(
                f"`{field}` is not the text of a digest", code="root_invalid", field=field
            ) from None


def _at_most(number: int, limit: int, field: str) -> None:
    if not 0 <= number <= limit:
        raise EventError(f"`{field}` must be from 0 to {limit}", field=field)


_TYPES: dict[type, str] = {kind: str(kind.__struct_config__.tag) for kind in Event.__args__}
