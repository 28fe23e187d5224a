"""The canonical event schema: what is recorded of a run. No transport, database or framework."""

from __future__ import annotations
