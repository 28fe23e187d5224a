"""The running service."""

from __future__ import annotations

from serving import service as service
