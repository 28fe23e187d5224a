"""Replays asked for through the service: plans, sessions, leases, progress, runners.

It loads, calls the engine of the SDK, persists and publishes; it never decides what a call gets,
and never runs agent code.
"""

from __future__ import annotations
