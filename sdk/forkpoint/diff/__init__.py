"""The diff engine: aligns two runs, classes each pair, opens deltas. Pure; it loads nothing."""

from __future__ import annotations
