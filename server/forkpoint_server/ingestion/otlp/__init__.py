"""OpenTelemetry comes in: a trace becomes a run, a span a step, its content sealed until a worker
has read, redacted and stored it.

The door never reads content: it numbers spans and acknowledges them; `mapping` and the jobs do the
rest later.
"""

from __future__ import annotations
