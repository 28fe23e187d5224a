"""Bundles: one file with all a replay needs, offline. A damaged one is never half used."""

from __future__ import annotations

from forkpoint.bundle.manifest import BUNDLE_FORMAT, Manifest
from forkpoint.bundle.reader import Bundle, read_bundle
from forkpoint.bundle.writer import write_bundle

__all__ = ["BUNDLE_FORMAT", "Bundle", "Manifest", "read_bundle", "write_bundle"]
