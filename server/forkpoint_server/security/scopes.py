"""The closed list of scopes and what each one gives."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from forkpoint_server.errors import BadRequest


class Scope(StrEnum):
    """What a token allows. Scopes do not include one another."""

    INGEST = "ingest"
    """startRun, ingestEvents, finishRun, /v1/events; reads nothing."""
    READ_META = "read:meta"
    """Every query and subscription without payload fields; /metrics."""
    READ_PAYLOAD = "read:payload"
    """Payload fields and /v1/artifacts."""
    REPLAY = "replay"
    """startReplay, cancelReplay, requestDiff, incidents."""
    REPLAY_EFFECTS = "replay:effects"
    """Live writes in a replay."""
    RUNNER = "runner"
    """runnerJobs."""
    EXPORT = "export"
    """Bundles and CSV."""
    OVERRIDE = "override"
    """grantOverride, revokeOverride."""
    ADMIN = "admin"
    """Tokens, settings, deletion, audit."""


ALL_SCOPES = frozenset(Scope)


def read_scopes(names: Iterable[str]) -> frozenset[Scope]:
    """Scopes by name; raises `BadRequest` for one that is not on the list, or for none."""
    known = {scope.value: scope for scope in Scope}
    wanted = list(names)
    if not wanted or any(name not in known for name in wanted):
        raise BadRequest(f"scopes must be some of {', '.join(known)}", field="scopes")
    return frozenset(known[name] for name in wanted)
