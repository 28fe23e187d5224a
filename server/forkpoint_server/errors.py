"""The error tree of the service: one class per thing a caller can do differently.

`code` is lower case here and in REST answers' logs; clients of GraphQL and of the other routes see
the same word in upper case. Messages name ids and limits and never repeat what was sent.
"""

from __future__ import annotations

from collections.abc import Mapping


class ServerError(Exception):
    """Anything the service refuses on purpose; every subclass knows its HTTP status."""

    code = "internal"
    status = 500
    retry_after_s: int | None = None
    """Seconds after which the same request may be sent again; None: not a matter of waiting."""

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        retry_after_s: int | None = None,
        **details: object,
    ) -> None:
        super().__init__(message)
        self.message = message
        if code is not None:
            self.code = code
        if retry_after_s is not None:
            self.retry_after_s = retry_after_s
        self.details: Mapping[str, object] = details

    @property
    def extensions(self) -> dict[str, object]:
        """What GraphQL answers show beside the message."""
        shown: dict[str, object] = {**self.details, "code": self.code.upper()}
        if self.retry_after_s is not None:
            shown["retryAfter"] = self.retry_after_s
        return shown


class BadRequest(ServerError):
    """The request is malformed; `details["field"]` names the place where one is known."""

    code = "bad_request"
    status = 400


class LimitExceeded(BadRequest):
    """The request is over a documented limit, named in `details["limit"]`."""

    code = "limit_exceeded"
    status = 413

    def __init__(self, limit: str, allowed: int, message: str | None = None) -> None:
        super().__init__(
            message or f"the limit `{limit}` is {allowed}; send less", limit=limit, allowed=allowed
        )


class Unauthenticated(ServerError):
    """No token was sent where one is needed, or it is malformed, unknown, expired or revoked."""

    code = "unauthenticated"
    status = 401

    def __init__(
        self, message: str = "a valid token is needed: Authorization: Bearer fp_..."
    ) -> None:
        super().__init__(message)


class Forbidden(ServerError):
    """The caller is known, but lacks the scope, or comes from a foreign origin."""

    code = "forbidden"
    status = 403


class NotFound(ServerError):
    """There is no such thing in this project; another project's is answered with the same words."""

    code = "not_found"
    status = 404

    def __init__(self, what: str = "nothing") -> None:
        super().__init__(f"no such {what}" if what != "nothing" else "not found")


class Conflict(ServerError):
    """What is stored differs from what was sent, or somebody else was faster."""

    code = "conflict"
    status = 409


class PayloadRefused(ServerError):
    """A payload may not be read now; codes payload_pending, payload_at_risk, payload_withheld."""

    code = "payload_withheld"
    status = 409


class RateLimited(ServerError):
    """A quota of this token or address is used up; wait `retry_after_s`."""

    code = "rate_limited"
    status = 429
    retry_after_s = 1


class Overloaded(ServerError):
    """The service cannot take more now and applied nothing; wait `retry_after_s`."""

    code = "overloaded"
    status = 503
    retry_after_s = 1


class JobError(ServerError):
    """A job did not finish; the worker decides what follows."""

    code = "job_failed"


class RetryLater(JobError):
    """The job may succeed later; it is given back with a delay of `retry_after_s`."""

    code = "job_retry"
    retry_after_s = 1


class GiveUp(JobError):
    """The job can never succeed; `code` says why and goes into the artifact's reason."""

    code = "job_gave_up"
