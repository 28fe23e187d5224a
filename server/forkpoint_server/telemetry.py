"""Counters for /metrics and the structured log: past-tense event names, ids, never payload."""

from __future__ import annotations

import logging
import secrets
import sys

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

registry = CollectorRegistry()

requests = Counter(
    "forkpoint_http_requests",
    "Requests by route and status.",
    ["route", "status"],
    registry=registry,
)
request_seconds = Histogram(
    "forkpoint_http_request_seconds",
    "Seconds from the first byte to the answer.",
    ["route"],
    buckets=(0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
    registry=registry,
)
events_accepted = Counter("forkpoint_events_accepted", "Events stored.", registry=registry)
events_duplicate = Counter(
    "forkpoint_events_duplicate", "Events that were already stored.", registry=registry
)
events_held = Counter(
    "forkpoint_events_held", "Events that wait for their predecessors.", registry=registry
)
events_rejected = Counter(
    "forkpoint_events_rejected", "Events refused, by code.", ["code"], registry=registry
)
otlp_items = Counter(
    "forkpoint_otlp_items", "Spans and log records taken.", ["signal"], registry=registry
)
otlp_conflicts = Counter(
    "forkpoint_otlp_conflicts",
    "Spans sent again with other times; the first stays.",
    registry=registry,
)
overloads = Counter(
    "forkpoint_overloads", "Requests refused by back pressure.", ["measure"], registry=registry
)
graphql_errors = Counter(
    "forkpoint_graphql_errors", "Errors in GraphQL answers, by code.", ["code"], registry=registry
)
sockets = Gauge("forkpoint_sockets", "Open WebSockets.", registry=registry)
subscriptions = Gauge(
    "forkpoint_subscriptions", "Open subscriptions.", ["field"], registry=registry
)
live_messages = Counter(
    "forkpoint_live_messages", "Messages sent to subscribers.", ["field"], registry=registry
)
wake_ups = Counter(
    "forkpoint_live_wake_ups", "Wake-ups, by where they came from.", ["source"], registry=registry
)


def exposition() -> bytes:
    """Everything above in the Prometheus text format."""
    return generate_latest(registry)


def configure_logging(*, level: int = logging.INFO) -> None:
    """One JSON object a line on stderr; called once by a program's entry point."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
            structlog.processors.ExceptionRenderer(
                structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
            ),
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(file=sys.stderr),
    )


def error_id() -> str:
    """A name for one unexpected error, shown to the caller and written to the log."""
    return secrets.token_hex(8)
