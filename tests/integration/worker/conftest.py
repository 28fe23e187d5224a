from __future__ import annotations

from storage_fixtures import blobs, live, open_database, principal, services, worker

__all__ = ["blobs", "live", "open_database", "principal", "services", "worker"]
