"""Recorded answers, read back from their blocks as the recorder hands them over."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

import msgspec

from forkpoint.content.blocks import Digest, Value, digest_from_text
from forkpoint.content.decode import decode, decode_with
from forkpoint.content.shape import restore
from forkpoint.events.kinds import ArtifactState
from forkpoint.events.model import ArtifactRef, StepAttempt, StepEnded
from forkpoint.replay.edits import Edit
from forkpoint.replay.inputs import patched
from forkpoint.replay.interception import Kept, Outcome
from forkpoint.replay.recording import Get, Recording, reference
from forkpoint.replay.simulate import error_value, failure

_ANSWER_ROLES = frozenset({"output", "error", "chunks", "shape"})
_NONE: Mapping[int, Sequence[StepAttempt]] = {}
_SHAPES = 1024
"""Shapes remembered: most answers of a tool have the same one."""


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


def ended_as(ended: StepEnded, get: Get) -> Outcome:
    """How a step ended, from its event alone."""

    def value(role: str) -> Value:
        ref = reference(ended.artifacts, role)
        return None if ref is None or ref.root is None else read(ref.root, get)

    output, form, error = value("output"), value("shape"), value("error")
    if ended.status == "error" and error is None:
        error = cast("Value", error_value(ended.error_class or "RuntimeError", ""))
    return Outcome(
        output=output if form is None else restore(output, form),
        error=cast("Mapping[str, object] | None", error),
        chunks=value("chunks"),
        status=ended.status,
        ended=ended,
    )


class Answers:
    """How the steps of one recording ended, with the blocks that say so."""

    def __init__(self, recording: Recording, *, each_attempt: bool = False) -> None:
        """`each_attempt`: what a client library tried again is tried again, answer by answer."""
        self._recording = recording
        self._attempts = recording.attempts if each_attempt else _NONE
        self._shapes: dict[str, tuple[Value, Mapping[Digest, bytes]]] = {}

    def recorded(self, place: int) -> Outcome:
        """How a step ended; its output has its key order and number forms back."""
        ended = self._recording.ended[place]
        if ended is None:
            return Outcome(status="cancelled")
        refs = tuple(ref for ref in ended.artifacts if ref.role in _ANSWER_ROLES)
        blocks: dict[Digest, bytes] = {}
        error = None
        if ended.status == "error":
            named = ended.error_class or "RuntimeError"
            error = self._value(refs, "error", blocks) or error_value(named, "")
        return Outcome(
            output=self._output(refs, blocks),
            error=cast("Mapping[str, object] | None", error),
            chunks=self._value(refs, "chunks", blocks),
            status=ended.status,
            ended=ended,
            kept=self._kept(refs, blocks),
            attempts=tuple(self._attempts.get(place, ())),
        )

    def edited(self, place: int | None, edit: Edit, *, codec: str | None = None) -> Outcome:
        """The answer an `output`, `fail` or `drop` edit puts in place of a step's own.

        `place` is None for a step that only the new run has, which has no answer to patch.
        """
        if edit.kind == "fail":
            codec = codec if place is None else self._recording.started[place].codec
            return Outcome(error=failure(edit.value, codec), status="error")
        if place is None:
            return Outcome(output=None if edit.kind == "drop" else edit.value)
        if edit.kind == "drop":
            ended = self._recording.ended[place]
            streamed = ended is not None and ended.chunks is not None
            return Outcome(output=[] if streamed else None)
        if edit.patch is msgspec.UNSET:
            return Outcome(output=edit.value, ended=self._numbers(place))
        ended = self._recording.ended[place]
        before = None if ended is None else self._output(ended.artifacts, {})
        return Outcome(output=patched(edit, before), ended=self._numbers(place))

    def _numbers(self, place: int) -> StepEnded | None:
        ended = self._recording.ended[place]
        return ended if ended is not None and ended.status == "ok" else None

    def _output(self, refs: tuple[ArtifactRef, ...], blocks: dict[Digest, bytes]) -> object:
        value = self._value(refs, "output", blocks)
        shape = reference(refs, "shape")
        if shape is None or shape.root is None:
            return value
        return restore(value, self._shape(shape.root, blocks))

    def _value(
        self, refs: tuple[ArtifactRef, ...], role: str, blocks: dict[Digest, bytes]
    ) -> Value:
        ref = reference(refs, role)
        if ref is None or ref.root is None:
            return None
        return decode_with(digest_from_text(ref.root), self._recording.get, blocks)

    def _shape(self, root: str, blocks: dict[Digest, bytes]) -> Value:
        found = self._shapes.get(root)
        if found is None:
            own: dict[Digest, bytes] = {}
            found = decode_with(digest_from_text(root), self._recording.get, own), own
            if len(self._shapes) < _SHAPES:
                self._shapes[root] = found
        blocks.update(found[1])
        return found[0]

    def _kept(self, refs: tuple[ArtifactRef, ...], blocks: Mapping[Digest, bytes]) -> Kept | None:
        """What a replay under the same rules and key need not write anew."""
        start = self._recording.start
        whole = all(ref.state is ArtifactState.CLEAN and ref.root is not None for ref in refs)
        if not whole or start.ruleset_id is None or start.redaction_key_id is None:
            return None
        return Kept(
            artifacts=refs,
            blocks=blocks,
            ruleset_id=start.ruleset_id,
            redaction_key_id=start.redaction_key_id,
        )
