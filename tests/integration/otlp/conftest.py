from __future__ import annotations

from otlp_fixtures import intake
from provider import provider

__all__ = ["intake", "provider"]
