"""Answers out of other runs: when a call may have one, and who is asked for it."""

from __future__ import annotations

from typing import Protocol

from forkpoint.events.kinds import Effect, Kind, Mode
from forkpoint.replay.fresh import Found, Seek
from forkpoint.replay.policy import Body, Policy
from forkpoint.replay.recording import Recording
from forkpoint.replay.rules import Treatment

HARMLESS = frozenset({Effect.PURE, Effect.READ})
"""Effects whose answers may come out of other recordings."""


class Elsewhere(Protocol):
    """Looks for answers in other runs. Each is given once, unless the policy says `any`."""

    def find(self, asked: Seek) -> Found | None:
        """The newest answer to a call; None if there is none. May take the time of a look-up.

        Raises `ReplayError` `no_answer` when nobody could look.
        """
        ...


class Offline:
    """Nobody is there to look: a bundle is replayed, or a test runs."""

    def find(self, asked: Seek) -> Found | None:
        """Nothing."""
        return None


OFFLINE = Offline()


def seek_of(
    recording: Recording,
    treatment: Treatment,
    kind: Kind,
    name: str,
    signature: str | None,
    *,
    compared: bool = False,
) -> Seek | None:
    """What to look for in other runs; None where this call may have no answer from there.

    `compared`: there is a run it is compared with, which may answer all calls.
    """
    harmless = treatment.effect in HARMLESS
    alone = treatment.scope == "lineage" and not _forked(recording)
    if signature is None or treatment.scope == "run":
        return None
    if not compared and (alone or not harmless):
        return None
    return Seek(
        kind=kind,
        name=name,
        signature=signature,
        scope=treatment.scope,
        ttl_s=treatment.ttl_s,
        allow_errors=treatment.allow_errors,
        reuse=treatment.reuse,
        harmless=harmless,
    )


def may_seek(policy: Policy, recording: Recording) -> bool:
    """Whether a replay under this policy can ever ask for answers of other runs."""
    bodies: list[Body] = [policy.default, *policy.rules]
    scopes = {body.scope or policy.default.scope or "lineage" for body in bodies}
    cached = any(body.mode is Mode.CACHED or "cached" in (body.on_miss or ()) for body in bodies)
    return cached and ("project" in scopes or ("lineage" in scopes and _forked(recording)))


def _forked(recording: Recording) -> bool:
    return recording.start.origin is not None
