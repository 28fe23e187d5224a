"""Capture: records the calls of an agent without slowing or breaking it; never decides a replay."""

from __future__ import annotations
