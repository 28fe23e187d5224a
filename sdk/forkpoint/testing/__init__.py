"""Testing: recorders in memory and factories for tests; nothing here is used by a recording."""

from __future__ import annotations
