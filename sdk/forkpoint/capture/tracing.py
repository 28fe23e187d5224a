"""Beside OpenTelemetry: in which span a run was started, and our marks on that span.

OpenTelemetry is never imported here: where its API is not loaded by the host there is nothing to
meet. A trace is a hint for people and a link, never identity: a replay must not depend on it.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from typing import Any

from forkpoint.events.model import OtelLink

_TRACEPARENT = re.compile(r"\s*00-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}\s*\Z")
"""W3C Trace Context, version 00."""


def found_link(traceparent: str | None, environment: Mapping[str, str]) -> OtelLink | None:
    """The span a run is started in: as given, else the current one, else `TRACEPARENT`."""
    if traceparent is not None:
        return read_traceparent(traceparent)
    span = _current_span()
    if span is not None:
        context = span.get_span_context()
        if context.is_valid:
            return OtelLink(trace_id=f"{context.trace_id:032x}", span_id=f"{context.span_id:016x}")
    return read_traceparent(environment.get("TRACEPARENT", ""))


def read_traceparent(text: str) -> OtelLink | None:
    """The ids of a `traceparent` header; None if it is none, or names nothing."""
    match = _TRACEPARENT.match(text)
    if match is None or not int(match[1], 16) or not int(match[2], 16):
        return None
    return OtelLink(trace_id=match[1], span_id=match[2])


def mark_run(run_id: str, url: str) -> bool:
    """Write on the current span which run this is; False if no span is being recorded."""
    span = _current_span()
    if span is None or not span.is_recording():
        return False
    span.set_attribute("forkpoint.run.id", run_id)
    span.set_attribute("forkpoint.url", f"{url}/runs/{run_id}")
    return True


def mark_step(key: str) -> None:
    """Write the call key of a step that begins on the span that it begins in."""
    span = _current_span()
    if span is not None and span.is_recording():
        span.set_attribute("forkpoint.step.key", key)


def _current_span() -> Any:
    """The current span of OpenTelemetry's API; None where the host has not loaded it."""
    module = sys.modules.get("opentelemetry.trace")
    return None if module is None else module.get_current_span()
