"""Foreign recordings as Forkpoint runs: pure functions from bytes to records; no network."""

from __future__ import annotations
