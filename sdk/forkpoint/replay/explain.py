"""What a person needs to see of a divergence: parts and pointers that differ, one sentence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from forkpoint.content.errors import ContentError
from forkpoint.replay.answers import read
from forkpoint.replay.asked import Asked
from forkpoint.replay.changes import changes_between
from forkpoint.replay.findings import Divergence
from forkpoint.replay.interception import CallView
from forkpoint.replay.recording import Get, Recording

PartRoots = Mapping[str, tuple[str | None, str | None]]


def divergence_of(asked: Asked, recording: Recording, jumped: Sequence[int]) -> Divergence:
    """The divergence of a call that found another step than its own, or none; digests only."""
    found, call = asked.found, asked.call
    place = found.expected if found.place is None else found.place
    parts: dict[str, tuple[str | None, str | None]] = {}
    if found.deviation == "input_changed" and place is not None:
        parts = _different(recording.parts(place), call.parts)
    keys = tuple(recording.started[step].key for step in jumped)
    return Divergence(
        reason=found.deviation or "extra_call",
        key=call.key,
        message=_sentence(asked, recording, place, parts, keys),
        place=place,
        site=call.site,
        kind=call.kind,
        name=call.name,
        parts=parts,
        jumped=keys,
    )


def with_changes(found: Divergence, call: CallView, get: Get) -> Divergence:
    """The same with the values that differ, which costs reading both inputs."""
    return msgspec.structs.replace(found, changes=tuple(_changes(call, found.parts, get)))


def missing(recording: Recording, place: int) -> Divergence:
    """The divergence of a recorded step nobody asked for."""
    step = recording.started[place]
    return Divergence(
        reason="missing_call",
        key=step.key,
        message=f"{step.kind} {step.name} at {step.key} was recorded but not called",
        place=place,
        site=step.site,
        kind=step.kind,
        name=step.name,
    )


def _different(
    before: Mapping[str, str | None], after: Mapping[str, str]
) -> dict[str, tuple[str | None, str | None]]:
    return {
        part: (before.get(part), after.get(part))
        for part in sorted({*before, *after})
        if before.get(part) != after.get(part)
    }


def _changes(call: CallView, parts: PartRoots, get: Get) -> list[dict[str, object]]:
    before: dict[str, object] = {}
    after: dict[str, object] = {}
    for part, (old, new) in parts.items():
        try:
            if old is not None:
                before[part] = read(old, get)
            if new is not None:
                after[part] = call.value(part)
        except (ContentError, KeyError):
            before.pop(part, None)
    return changes_between(before, after)


def _sentence(
    asked: Asked,
    recording: Recording,
    place: int | None,
    parts: PartRoots,
    jumped: Sequence[str],
) -> str:
    call = f"{asked.call.kind} {asked.call.name} at {asked.call.key}"
    at = "the end of the recording" if place is None else recording.started[place].key
    match asked.found.deviation:
        case "input_changed":
            return f"{call} asks something else than {at}: {', '.join(parts) or 'input'} changed"
        case "shifted":
            left_out = f", after {', '.join(jumped[:5])}" if jumped else ""
            return f"{call} was recorded as {at}{left_out}"
        case "moved":
            return f"{call} was recorded on another strand, as {at}"
        case _:
            return f"{call} was not recorded; expected was {at}"
