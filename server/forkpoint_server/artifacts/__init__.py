"""Stored content: blocks, packs and blobs, written, found and collected. It never decides who may
read a payload."""

from __future__ import annotations
