"""Events that schema and tables certainly take, told apart quickly: nearly all of a batch.

Whatever is not plain is not therefore wrong: it is read again by the schema's own door, which names
each mistake. So a check here may be too strict, never too lax.
"""

from __future__ import annotations

import msgspec
from forkpoint.content import ContentError
from forkpoint.events.ids import UUID_TEXT
from forkpoint.events.kinds import ArtifactState
from forkpoint.events.model import ArtifactRef, Event, ReplayInfo, StepEnded, StepStarted
from forkpoint.events.wire import FIELD_LIMIT, INT64_MAX, NAME_LIMIT, whole

from forkpoint_server.ingestion.digests import read_digest

INT32_MAX = 2**31 - 1
SEQUENCE_MAX = 2**62
ARTIFACTS_LIMIT = 64
"""Artifacts of one event."""

# Keys in order: the digest of an event is that of these bytes (`wire.content_digest`).
_encode = msgspec.json.Encoder(order="deterministic").encode
_is_uuid = UUID_TEXT.match
_CLEAN = ArtifactState.CLEAN


def body_of(event: Event) -> bytes:
    """An event as JSON with sorted keys, as it is stored."""
    return _encode(whole(event))


def plain_body(event: Event, uuids: set[str]) -> bytes | None:
    """The stored form of an event that is certainly taken; None says nothing.

    `uuids` remembers ids that were found well-formed: those of a batch stand in it many times.
    """
    try:
        if not _is_plain(event, uuids):
            return None
        body = _encode(event)
    except (ContentError, UnicodeEncodeError, OverflowError):
        return None
    # a field over its limit would make the whole longer than that
    return body if len(body) <= FIELD_LIMIT and b"\\u0000" not in body else None


def _is_plain(event: Event, uuids: set[str]) -> bool:
    if isinstance(event, StepStarted):
        plain = _is_plain_start(event, uuids)
    elif isinstance(event, StepEnded):
        plain = _is_plain_end(event)
    else:
        return False
    return (
        plain
        and event.beyond is None
        and 0 <= event.minor <= INT32_MAX
        and 0 <= event.sequence_no <= SEQUENCE_MAX
        and 0 <= event.writer <= INT32_MAX
        and -INT64_MAX <= event.time_ns <= INT64_MAX
        and (event.run_id in uuids or _is_new_uuid(event.run_id, uuids))
        and (event.step_id in uuids or _is_new_uuid(event.step_id, uuids))
        and len(event.artifacts) <= ARTIFACTS_LIMIT
        and all(map(_is_plain_ref, event.artifacts))
    )


def _is_new_uuid(text: str, uuids: set[str]) -> bool:
    if _is_uuid(text) is None:
        return False
    uuids.add(text)
    return True


def _is_plain_start(event: StepStarted, uuids: set[str]) -> bool:
    """Raises `ContentError` for what is no digest."""
    if event.signature is not None:
        read_digest(event.signature)
    if event.delta is not None:
        read_digest(event.delta)
    parent = event.parent_id
    return (
        len(event.name) <= NAME_LIMIT
        and len(event.model or "") <= NAME_LIMIT
        and len(event.subtype or "") <= NAME_LIMIT
        and (parent is None or parent in uuids or _is_new_uuid(parent, uuids))
        and (event.replay is None or _is_plain_replay(event.replay))
    )


def _is_plain_end(event: StepEnded) -> bool:
    cost = event.cost_micro_usd
    return (
        0 <= event.attempts <= INT32_MAX
        and 0 <= (event.chunks or 0) <= INT32_MAX
        and 0 <= (event.tokens_in or 0) <= INT32_MAX
        and 0 <= (event.tokens_out or 0) <= INT32_MAX
        and (cost is None or -INT64_MAX <= cost <= INT64_MAX)
        and len(event.model or "") <= NAME_LIMIT
        and len(event.error_class or "") <= NAME_LIMIT
        and len(event.finish_reason or "") <= NAME_LIMIT
    )


def _is_plain_ref(ref: ArtifactRef) -> bool:
    """Raises `ContentError` for what is no digest."""
    if ref.root is None:
        if ref.state is _CLEAN:
            return False
    else:
        read_digest(ref.root)
    return 0 <= ref.size <= INT64_MAX and len(ref.reason or "") <= NAME_LIMIT


def _is_plain_replay(replay: ReplayInfo) -> bool:
    source = 0 if replay.source is None else replay.source.seq
    numbers = (replay.rule or 0, replay.edit or 0, replay.waited_ns, source)
    return max(numbers) <= INT64_MAX and min(numbers) >= -INT64_MAX
