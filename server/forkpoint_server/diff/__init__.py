"""Comparisons of stored runs: loads columns, calls the engine, keeps reports. Decides nothing."""

from __future__ import annotations
