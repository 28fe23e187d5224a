"""Ids of derived runs and steps: any server computes the same from project, trace and span."""

from __future__ import annotations

import uuid
from hashlib import sha256

_RUN = b"forkpoint.otlp/1"
_STEP = b"forkpoint.otlp.step/1"
_EVALUATION = b"forkpoint.otlp.evaluation/1"
_CALL = b"forkpoint.otlp.call/1"
TRACE_BYTES, SPAN_BYTES = 16, 8


def run_id_of(project_id: int, trace_id: bytes) -> str:
    """The run of a trace: UUIDv8 of the digest of project and trace id."""
    return str(uuid.UUID(bytes=_version_8(sha256(b"%b\0%d\0%b" % (_RUN, project_id, trace_id)))))


def step_id_bytes(run: bytes, span_id: bytes) -> bytes:
    """The step of a span, 16 bytes; `run` are the bytes of its run id."""
    return _version_8(sha256(_STEP + run + span_id))


def step_id_of(run_id: str, span_id: bytes) -> str:
    """As `step_id_bytes`, as text."""
    return str(uuid.UUID(bytes=step_id_bytes(uuid.UUID(run_id).bytes, span_id)))


def evaluation_id_bytes(run: bytes, span_id: bytes, place: bytes) -> bytes:
    """The step of an evaluation of a span, 16 bytes; `place` tells several of them apart."""
    return _version_8(sha256(_EVALUATION + run + span_id + place))


def call_mark(call_id: str | None) -> str | None:
    """What is kept of the id of a tool call: enough to find its equal, nothing to read."""
    return (
        None
        if call_id is None
        else sha256(_CALL + call_id.encode("utf-8", "replace")).hexdigest()[:24]
    )


def _version_8(digest: object) -> bytes:
    raw = bytearray(digest.digest()[:16])  # type: ignore[attr-defined]
    raw[6] = raw[6] & 0x0F | 0x80
    raw[8] = raw[8] & 0x3F | 0x80
    return bytes(raw)
