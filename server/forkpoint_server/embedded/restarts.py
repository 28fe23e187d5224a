"""When a program that ended is started again, and when that is given up: a decision over values."""

from __future__ import annotations

from collections.abc import Sequence

WINDOW_SECONDS = 60
"""Ends that lie further back are forgotten."""

MOST_IN_WINDOW = 5
"""So many ends in the window are a crash loop."""

_FIRST_DELAY = 0.25


def restart_delay(ends: Sequence[float], *, now: float) -> float | None:
    """Seconds to wait before the next start, doubling; None for a crash loop.

    `ends` are the moments, on the clock of `now`, at which the program ended, this one included.
    """
    recent = [moment for moment in ends if now - moment < WINDOW_SECONDS]
    if len(recent) >= MOST_IN_WINDOW:
        return None
    return _FIRST_DELAY * 2 ** max(0, len(recent) - 1)
