"""Senders over HTTP, as settings describe them; imported by the sending thread only."""

from __future__ import annotations

from pathlib import Path

from forkpoint.capture.collector import HttpCollector
from forkpoint.capture.counters import Counters
from forkpoint.capture.spool import SpoolReader
from forkpoint.capture.transport import Sender
from forkpoint.settings import Settings


def http_sender(folder: Path, settings: Settings, counters: Counters) -> Sender:
    """A sender of one spool folder to the collector of these settings."""
    return Sender(
        SpoolReader(folder),
        HttpCollector(settings.url, token=settings.token),
        counters=counters,
        rejected_folder=settings.data / "rejected",
    )
