"""Draws: what asking the clock and chance costs, outside a run, in one, and by a library in one."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from logging import makeLogRecord
from statistics import median
from time import process_time_ns

import forkpoint
from forkpoint.testing.memory import recorded

CALLS = 5_000
ROUNDS = 7


def run() -> dict[str, float]:
    figures = {"draw_bare_ns": each_ns(lambda: time.time())}
    library = each_ns(lambda: makeLogRecord({}))
    with recorded() as tape:
        with forkpoint.run("warm"):
            time.time()
        figures["draw_outside_run_ns"] = each_ns(lambda: time.time())
        figures["draw_kept_ns"] = median(kept_ns(lambda: time.time()) for _ in range(ROUNDS))
        figures["draw_random_kept_ns"] = median(
            kept_ns(lambda: random.random()) for _ in range(ROUNDS)
        )
        with forkpoint.run("library"):
            figures["draw_of_library_more_ns"] = each_ns(lambda: makeLogRecord({})) - library
        tape.recorder.drain()
    return figures


def kept_ns(draw: Callable[[], object]) -> float:
    """In a run of its own: a scope keeps so many and no more."""
    with forkpoint.run("draws"):
        return once_ns(draw)


def each_ns(draw: Callable[[], object]) -> float:
    return median(once_ns(draw) for _ in range(ROUNDS))


def once_ns(draw: Callable[[], object]) -> float:
    began = process_time_ns()
    for _ in range(CALLS):
        draw()
    return (process_time_ns() - began) / CALLS
