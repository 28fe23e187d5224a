"""The error tree of the distribution `forkpoint`: one class per thing a caller can do differently.

Every error carries a stable, documented lower-case `code`, a message that says what happened, to
which ids and what to do now, and `details`, a flat mapping of ids and limits (never payload).
"""

from __future__ import annotations

from collections.abc import Mapping


class ForkpointError(Exception):
    """Anything Forkpoint raises on purpose. Rooms subclass it beside the code that raises it."""

    code = "error"

    def __init__(self, message: str, *, code: str | None = None, **details: object) -> None:
        super().__init__(message)
        self.message = message
        if code is not None:
            self.code = code
        self.details: Mapping[str, object] = details


class UsageError(ForkpointError):
    """Our API was called wrongly; the call site has to change."""

    code = "usage"


class ConfigurationError(ForkpointError):
    """A setting is missing, malformed, or contradicts another one."""

    code = "configuration"


class EventError(ForkpointError):
    """An event is not one of the canonical schema; `code` says which rule it breaks."""

    code = "schema_invalid"


class ContentError(ForkpointError):
    """A value or block cannot be encoded or decoded."""

    code = "not_encodable"


class RedactionError(ForkpointError):
    """A payload could not be redacted, so it must not be read or stored."""

    code = "redaction_failed"


class ReplayError(ForkpointError):
    """A replay cannot begin or go on; codes are those of the replay guide."""

    code = "replay_failed"


class DiffError(ForkpointError):
    """Two runs cannot be compared."""

    code = "not_comparable"


class BundleError(ForkpointError):
    """A bundle is damaged, foreign or over a limit; nothing of it was used."""

    code = "integrity_failed"


class TransportError(ForkpointError):
    """The collector did not take what was sent."""

    code = "transport"


class Rejected(TransportError):
    """The collector refused this content for good: sending it again cannot help."""

    code = "rejected"


class Unavailable(TransportError):
    """The collector is away or overloaded: send again (`details["retry_after_s"]`)."""

    code = "unavailable"


class CaptureError(ForkpointError):
    """A call cannot be recorded; raised into the host only under `FORKPOINT_FAIL=closed`."""

    code = "capture_failed"
