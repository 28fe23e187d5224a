"""Placeholders of spans that have only begun: Logfire sends one as a child of the span it opens."""

from __future__ import annotations

from opentelemetry.proto.trace.v1.trace_pb2 import Span

from forkpoint_server.ingestion.otlp.identity import SPAN_BYTES


def opened_parent(raw: bytes) -> bytes | None:
    """The parent id of the span that a placeholder opens, empty for a root; None if it is none.

    `logfire.span_type = pending_span`: it stands for its parent, whose own parent is
    `logfire.pending_parent_id` (16 hex digits, all zero for a root).
    """
    texts = {
        each.key: each.value.string_value
        for each in Span.FromString(raw).attributes
        if each.key.startswith("logfire.")
    }
    if texts.get("logfire.span_type") != "pending_span":
        return None
    try:
        parent = bytes.fromhex(texts.get("logfire.pending_parent_id", ""))
    except ValueError:
        parent = b""
    return parent if len(parent) == SPAN_BYTES else b""
