"""The Forkpoint service: GraphQL over HTTP and WebSocket, storage, live feed, embedded mode."""

from __future__ import annotations
