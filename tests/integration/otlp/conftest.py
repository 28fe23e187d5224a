from __future__ import annotations

from otlp_fixtures import intake

__all__ = ["intake"]
