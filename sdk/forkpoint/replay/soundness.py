"""Whether a recording says one thing: counts, signatures, numbers of calls, order of ends.

What is checked here needs no payload. That every block has the bytes of its digest is checked
where blocks are read.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

import msgspec

from forkpoint.content.blocks import digest_from_text, digest_text
from forkpoint.content.signature import signature
from forkpoint.replay.identity import number_of
from forkpoint.replay.recording import Recording


class Unsound(msgspec.Struct, frozen=True, kw_only=True):
    """The first step at which a recording contradicts itself."""

    key: str
    sequence: int
    message: str


def first_unsound(recording: Recording) -> Unsound | None:
    """The first contradiction in order of starts; None if there is none."""
    for place, step in enumerate(recording.started):
        why = _wrong(recording, place)
        if why is not None:
            return Unsound(key=step.key, sequence=recording.seqs[place], message=why)
    return _first_hole(recording) if recording.start.identity == "recorded" else None


def resigned(kind: str, name: str, parts: Mapping[str, str | None]) -> str | None:
    """The signature that parts make; None while one of them has no root."""
    roots = {part: digest_from_text(root) for part, root in parts.items() if root is not None}
    if len(roots) != len(parts):
        return None
    return digest_text(signature(kind, name, roots))


def _wrong(recording: Recording, place: int) -> str | None:
    step = recording.started[place]
    if recording.by_key[step.key] != place:
        return f"two steps have the key {step.key}"
    end_seq = recording.end_seqs[place]
    if end_seq is not None and end_seq <= recording.seqs[place]:
        return "it ended before it began"
    if step.signature is None:
        return None
    made = resigned(step.kind, step.name, recording.parts(place))
    if made is not None and made != step.signature:
        return "its signature is not that of its input"
    return None


def _first_hole(recording: Recording) -> Unsound | None:
    """Calls of a scope are numbered 0, 1, 2, ...; the first of a scope in which one is missing."""
    numbers: defaultdict[str, list[int]] = defaultdict(list)
    for scope, step in zip(recording.scopes, recording.started, strict=True):
        numbers[scope].append(number_of(step.key))
    for place, scope in enumerate(recording.scopes):
        found = numbers.pop(scope, [])
        if sorted(found) != list(range(len(found))):
            return Unsound(
                key=recording.started[place].key,
                sequence=recording.seqs[place],
                message=f"calls of {scope} are missing: {len(found)} are here, up to {max(found)}",
            )
    return None
