from __future__ import annotations

from storage_fixtures import open_database, principal

__all__ = ["open_database", "principal"]
