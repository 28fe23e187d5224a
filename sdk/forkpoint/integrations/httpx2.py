"""httpx2: its requests carry the run they belong to, so that the service asked can join it."""

from __future__ import annotations

from forkpoint.integrations.transports import patch_transports, transports_patched

LIBRARY = "httpx2"


def patch() -> None:
    """Patch the transports; a second call does nothing."""
    import httpx2

    patch_transports(httpx2)


def canary() -> bool:
    """Whether the transports are the ones that were patched."""
    import httpx2

    return transports_patched(httpx2)
