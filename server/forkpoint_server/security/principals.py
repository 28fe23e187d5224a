"""Who is asking: a project, its scopes, and the token that gave them."""

from __future__ import annotations

from dataclasses import dataclass

from forkpoint_server.errors import Forbidden
from forkpoint_server.security.scopes import ALL_SCOPES, Scope

DEFAULT_PROJECT = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """The caller of one request or socket."""

    project_id: int
    scopes: frozenset[Scope]
    token_id: str | None = None
    """None: a loopback caller without a token."""
    name: str = "local"
    """For the audit log: the name of the token, `local` without one, or a part of ours."""
    address: str | None = None
    """The other end of the connection; None within the service."""

    def may(self, scope: Scope) -> bool:
        """Whether the scope was given."""
        return scope in self.scopes

    def require(self, scope: Scope) -> None:
        """Raise `Forbidden` unless the scope was given."""
        if scope not in self.scopes:
            raise Forbidden(f"this token lacks the scope `{scope}`", scope=scope.value)


def loopback_principal() -> Principal:
    """Somebody at this machine, without a token, while none is demanded."""
    return Principal(project_id=DEFAULT_PROJECT, scopes=ALL_SCOPES)
