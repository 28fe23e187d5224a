"""Identities: who a run, a step and an event are. Derived ones can be recomputed by any sender."""

from __future__ import annotations

import hashlib
import re
import uuid
from typing import NewType

RunId = NewType("RunId", str)
"""A UUID as text; UUIDv7 (RFC 9562) when we make it, so that ids sort by time."""
StepId = NewType("StepId", str)
"""A UUIDv8 derived from run, writer and call key."""
EventId = NewType("EventId", str)
"""Lower-case hex SHA-256 of the idempotency key, 64 characters."""
Root = NewType("Root", str)
"""Digest of a content tree: base64url of SHA-256 without padding, 43 characters."""

ROOT_TEXT = re.compile(r"[A-Za-z0-9_-]{43}\Z")
UUID_TEXT = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\Z")


_VARIANTS = {f"{digit:x}": f"{digit & 3 | 8:x}" for digit in range(16)}
"""The hex digit that says it is an RFC 9562 UUID, from the one that stood there."""


def run_id(now_ns: int, random: bytes) -> RunId:
    """A UUIDv7 of a wall-clock time in ns and at least 10 random bytes (RFC 9562, section 5.7)."""
    milliseconds = now_ns // 1_000_000
    tail = int.from_bytes(random[:10], "big")
    value = (milliseconds & (1 << 48) - 1) << 80 | tail
    value = value & ~(0xF << 76) | 7 << 76
    value = value & ~(0b11 << 62) | 0b10 << 62
    return RunId(str(uuid.UUID(int=value)))


def step_id(run: RunId, writer: int, key: str) -> StepId:
    """The UUIDv8 of a step: the same for every sender that knows run, writer and call key."""
    text = hashlib.sha256(f"forkpoint.step/1\0{run}\0{writer}\0{key}".encode()).hexdigest()
    variant = _VARIANTS[text[16]]
    return StepId(f"{text[:8]}-{text[8:12]}-8{text[13:16]}-{variant}{text[17:20]}-{text[20:32]}")


def event_id(run: str, step: str | None, event_type: str, writer: int, sequence_no: int) -> EventId:
    """The idempotency key of an event as 64 hex digits; `step` is None for events of the run."""
    return EventId(event_key(run, step, event_type, writer, sequence_no).hex())


def event_key(run: str, step: str | None, event_type: str, writer: int, sequence_no: int) -> bytes:
    """As `event_id`, as the 32 bytes it is stored with."""
    text = f"{run}\0{step or ''}\0{event_type}\0{writer}\0{sequence_no}"
    return hashlib.sha256(text.encode()).digest()
