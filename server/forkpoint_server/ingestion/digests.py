"""Digests of references, read once: the same root stands in many events."""

from __future__ import annotations

from functools import lru_cache

from forkpoint.content import digest_from_text

KEPT = 16_384

read_digest = lru_cache(maxsize=KEPT)(digest_from_text)
"""As `digest_from_text`; the last ones are remembered."""
