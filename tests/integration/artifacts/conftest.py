from __future__ import annotations

from storage_fixtures import live, open_database, principal

__all__ = ["live", "open_database", "principal"]
