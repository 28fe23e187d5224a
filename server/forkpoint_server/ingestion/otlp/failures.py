"""What the OTLP doors refuse, one class for each thing a sender can do about it."""

from __future__ import annotations

from forkpoint_server.errors import BadRequest, Overloaded

RETRY_S = 2
"""Seconds after which to send again; the stock exporter gives up on more than about 10."""


class UnsupportedMediaType(BadRequest):
    """The content type or encoding is none of OTLP/HTTP."""

    status = 415


class NotServed(BadRequest):
    """A signal that is not taken here: metrics."""

    status = 404


class Busy(Overloaded):
    """Too much is being taken in right now, or no worker has said yet to whom to seal."""

    retry_after_s = RETRY_S
