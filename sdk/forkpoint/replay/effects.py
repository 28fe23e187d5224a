"""What a live call may do to the world, and the fence that keeps a write from happening twice."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, cast

import msgspec

from forkpoint.content.blocks import Key, Value, digest_from_text
from forkpoint.content.decode import decode
from forkpoint.content.encode import encode
from forkpoint.events.kinds import Effect, Kind
from forkpoint.replay.policy import Policy
from forkpoint.replay.recording import Recording

WRITES = frozenset({Effect.WRITE, Effect.UNKNOWN})
MUTATING = WRITES | {Effect.IDEMPOTENT_WRITE}
EFFECTS_GRANT = "replay:effects"
"""Scope of a person who may let a replay write."""


def refusal(effect: Effect, name: str, policy: Policy, grants: frozenset[str]) -> str | None:
    """The stop code that forbids a live call of this effect; None if it may be made."""
    if effect is Effect.PURE:
        return None
    if not policy.allow_live.hosts:
        return "live_refused"
    if effect in MUTATING and name not in policy.allow_effects:
        return "effect_refused"
    if effect in WRITES and EFFECTS_GRANT not in grants:
        return "effect_refused"
    return None


class Passage(msgspec.Struct, frozen=True):
    """What the fence says to a live write."""

    verdict: Literal["go", "served", "intent_refused", "outcome_unknown"]
    place: int | None = None
    """The recorded step that already did it."""


class Fence:
    """Tells a repeated write from a new one by its intent, never by likeness of arguments."""

    def __init__(self, recording: Recording) -> None:
        self._recording = recording
        self._made: set[str] = set()

    def decide(
        self,
        name: str,
        *,
        fields: Sequence[str],
        args: object,
        used: bytearray,
        allow_repeat: bool,
    ) -> Passage:
        """Whether a write may run. `fields` are those declared as its intent, `args` its input.

        With nothing declared the intent is the tool's name: a second call of it is refused.
        """
        intent = intent_of(name, fields, args)
        equal = self._equal(name, fields, intent)
        if any(self._recording.ended[place] is None for place in equal):
            return Passage("outcome_unknown")
        free = [place for place in equal if not used[place] and self._went_well(place)]
        if free and fields:
            return Passage("served", free[0])
        if (equal or intent in self._made) and not allow_repeat:
            return Passage("intent_refused")
        self._made.add(intent)
        return Passage("go")

    def _equal(self, name: str, fields: Sequence[str], intent: str) -> list[int]:
        return [
            place
            for place, kind in enumerate(self._recording.types)
            if kind == (Kind.TOOL, name)
            and intent_of(name, fields, self._args(place) if fields else None) == intent
        ]

    def _args(self, place: int) -> object:
        root = self._recording.parts(place).get("args")
        return None if root is None else decode(digest_from_text(root), self._recording.get)

    def _went_well(self, place: int) -> bool:
        ended = self._recording.ended[place]
        return ended is not None and ended.status == "ok"


def intent_of(name: str, fields: Sequence[str], args: object) -> str:
    """Root of the tool's name and the declared fields of its arguments."""
    given = cast("dict[Key, Value]", args) if isinstance(args, dict) else {}
    chosen: dict[Key, Value] = {field: given.get(field) for field in fields}
    return encode([name, chosen], _drop).hex()


def _drop(_digest: bytes, _body: bytes) -> None:
    """Only the root is wanted."""
