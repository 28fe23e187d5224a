"""The one gate in front of every payload: only clean ones are read, and only with the scope."""

from __future__ import annotations

from forkpoint.events.kinds import ArtifactState

from forkpoint_server.errors import PayloadRefused
from forkpoint_server.security.principals import Principal
from forkpoint_server.security.scopes import Scope

_REFUSALS = {
    ArtifactState.PENDING: ("payload_pending", "it is being checked; ask again"),
    ArtifactState.AT_RISK: ("payload_at_risk", "it may hold a secret and needs an override"),
    ArtifactState.WITHHELD: ("payload_withheld", "it was not recorded or was taken away"),
    ArtifactState.FAILED: ("payload_withheld", "storing it failed"),
}


def refusal(state: ArtifactState, reason: str | None) -> PayloadRefused | None:
    """Why a payload in this state may not be read; None for a clean one."""
    if state is ArtifactState.CLEAN:
        return None
    code, why = _REFUSALS[state]
    wait = 1 if state is ArtifactState.PENDING else None
    return PayloadRefused(
        f"this payload cannot be read: {why}", code=code, retry_after_s=wait, reason=reason
    )


def open_gate(principal: Principal, state: ArtifactState, reason: str | None) -> None:
    """Raise `Forbidden` or `PayloadRefused` unless this caller may read this payload now."""
    principal.require(Scope.READ_PAYLOAD)
    if refused := refusal(state, reason):
        raise refused
