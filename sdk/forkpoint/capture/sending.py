"""Senders over HTTP, as settings describe them; imported by the sending thread only."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

from forkpoint.capture.collector import HttpCollector
from forkpoint.capture.counters import Counters
from forkpoint.capture.spool import SpoolReader
from forkpoint.capture.transport import Sender
from forkpoint.settings import Settings

_HERE = frozenset({"localhost", "127.0.0.1", "::1"})


def http_sender(folder: Path, settings: Settings, counters: Counters) -> Sender:
    """A sender of one spool folder to the collector of these settings."""
    return Sender(
        SpoolReader(folder),
        HttpCollector(settings.url, token=settings.token, packed=not _is_here(settings.url)),
        counters=counters,
        rejected_folder=settings.data / "rejected",
    )


def _is_here(url: str) -> bool:
    """Whether the collector is on this machine: then compressing costs more than it saves."""
    return urlsplit(url).hostname in _HERE
