"""Which redaction rule sets the server knows: payload under any other is at risk. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection

from forkpoint.events.kinds import ArtifactState
from forkpoint.events.model import ArtifactRef

UNKNOWN_RULESET = "unknown_ruleset"
"""Reason of an artifact whose redaction nobody can name."""

_OURS = re.compile(r"(?:rx1[.:/-])?[0-9a-f]{16}\Z")
"""Ids of the packs that the SDK ships: the first 16 hex digits of a digest (redaction guide)."""


def is_known(ruleset_id: str | None, *, registered: Collection[str]) -> bool:
    """Whether a rule set is one of ours, or is registered in the settings of the project."""
    return ruleset_id is not None and (
        ruleset_id in registered or _OURS.match(ruleset_id) is not None
    )


def state_of(ref: ArtifactRef, *, known: bool) -> tuple[ArtifactState, str | None]:
    """State and reason an artifact is stored with; never a better one than its sender said."""
    if ref.state is ArtifactState.CLEAN and not known:
        return ArtifactState.AT_RISK, UNKNOWN_RULESET
    return ref.state, ref.reason
