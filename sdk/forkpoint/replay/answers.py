"""Recorded answers, read back from their blocks as the recorder hands them over."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

import msgspec

from forkpoint.content.blocks import Value, digest_from_text
from forkpoint.content.decode import decode
from forkpoint.content.shape import restore
from forkpoint.events.kinds import ArtifactState
from forkpoint.events.model import StepEnded
from forkpoint.replay.edits import Edit, patched
from forkpoint.replay.interception import Outcome
from forkpoint.replay.recording import Get, Recording
from forkpoint.replay.simulate import error_value, failure

_ANSWER_ROLES = frozenset({"output", "error", "chunks", "shape"})


def read(root: str, get: Get) -> Value:
    """The value of a root in its text form; `ContentError` if its blocks are damaged."""
    return decode(digest_from_text(root), get)


def readable(recording: Recording, place: int) -> bool:
    """Whether nothing of a step's answer was withheld."""
    ended = recording.ended[place]
    return ended is not None and all(
        ref.state is ArtifactState.CLEAN and ref.root is not None
        for ref in ended.artifacts
        if ref.role in _ANSWER_ROLES
    )


def recorded(recording: Recording, place: int) -> Outcome:
    """How a step ended; its output has its key order and number forms back."""
    ended = recording.ended[place]
    if ended is None:
        return Outcome(status="cancelled")
    error = None
    if ended.status == "error":
        named = ended.error_class or "RuntimeError"
        error = _value(recording, place, "error") or error_value(named, "")
    return Outcome(
        output=_output(recording, place),
        error=cast("Mapping[str, object] | None", error),
        chunks=_value(recording, place, "chunks"),
        status=ended.status,
        ended=ended,
    )


def edited(recording: Recording, place: int, edit: Edit) -> Outcome:
    """The answer an `output` or `fail` edit puts in place of a step's own."""
    if edit.kind == "fail":
        error = failure(edit.value, recording.started[place].codec)
        return Outcome(error=error, status="error")
    if edit.patch is msgspec.UNSET:
        return Outcome(output=edit.value, ended=_numbers(recording, place))
    return Outcome(
        output=patched(edit, _output(recording, place)), ended=_numbers(recording, place)
    )


def _numbers(recording: Recording, place: int) -> StepEnded | None:
    ended = recording.ended[place]
    return ended if ended is not None and ended.status == "ok" else None


def _output(recording: Recording, place: int) -> object:
    root = recording.output(place)
    if root is None:
        return None
    value = read(root, recording.get)
    shape = recording.artifact(place, "shape")
    if shape is None or shape.root is None:
        return value
    return restore(value, read(shape.root, recording.get))


def _value(recording: Recording, place: int, role: str) -> object:
    ref = recording.artifact(place, role)
    return None if ref is None or ref.root is None else read(ref.root, recording.get)
