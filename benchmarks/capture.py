"""Capture: what a decorated call costs the thread of its host, and what the whole of it costs.

The agent loop is the honest case: a talk of about 10 KB that grows by one message a call, so each
call's snapshot is new. Host time is CPU time of the calling thread, less that of the bare function.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median
from time import perf_counter_ns, process_time_ns, sleep, thread_time_ns

import forkpoint
from forkpoint.capture import process
from forkpoint.capture.assembly import assembled
from forkpoint.settings import Settings

CALLS = 2_000
TALK = 20
"""Messages of 500 bytes in the talk: 10 KB."""


@forkpoint.model
def ask(messages: list[dict[str, str]]) -> dict[str, object]:
    return bare(messages)


@forkpoint.tool(effect="pure")
def small(number: int) -> int:
    return number


def bare(messages: list[dict[str, str]]) -> dict[str, object]:
    return {"role": "assistant", "content": "y" * 400, "usage": {"in": len(messages)}}


def run() -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(data=Path(folder), spool=Path(folder) / "spool")
        before = process.install(assembled(settings))
        try:
            figures = _talks() | _small_calls()
        finally:
            recorder = process.install(before)
            if recorder is not None:
                recorder.close()
    return figures | {"capture.import_ms": _import_ms()}


def _talks() -> dict[str, float]:
    talk = [{"role": "user", "content": f"{number} " + "x" * 460} for number in range(TALK)]
    host: list[int] = []
    cpu = process_time_ns()
    with forkpoint.run("bench"):
        for number in range(CALLS):
            talk = [*talk[1:], {"role": "tool", "content": f"{number} " + "x" * 460}]
            host.append(_thread_time(partial(ask, talk)))
            sleep(0.0005)  # as a real call: the background thread works and caches turn cold
        warm: list[int] = []
        for number in range(CALLS):
            talk = [*talk[1:], {"role": "tool", "content": f"{number} " + "z" * 460}]
            warm.append(_thread_time(partial(ask, talk)))
        plain = [_thread_time(partial(bare, talk)) for _ in range(CALLS)]
        forkpoint.flush(60)
    whole = (process_time_ns() - cpu) / (2 * CALLS)
    ordered = sorted(host)
    return {
        "capture.host_us_10kb_p50": (median(host) - median(plain)) / 1e3,
        "capture.host_us_10kb_warm_p50": (median(warm) - median(plain)) / 1e3,
        "capture.host_us_10kb_p99": ordered[int(len(ordered) * 0.99)] / 1e3,
        "capture.cpu_us_10kb_all_threads": whole / 1e3,
        "capture.events_lost": float(forkpoint.stats().get("events_lost", 0)),
    }


def _small_calls() -> dict[str, float]:
    with forkpoint.run("bench"):
        host = [_thread_time(lambda: small(1)) for _ in range(CALLS)]
        forkpoint.flush(60)
    return {"capture.host_us_small_p50": median(host) / 1e3}


def _thread_time(action: Callable[[], object]) -> int:
    before = thread_time_ns()
    action()
    return thread_time_ns() - before


def _import_ms() -> float:
    command = [sys.executable, "-c", "import forkpoint"]
    empty = [sys.executable, "-c", "pass"]
    return median(_wall(command) - _wall(empty) for _ in range(7)) / 1e6


def _wall(command: list[str]) -> int:
    before = perf_counter_ns()
    subprocess.run(command, check=True)
    return perf_counter_ns() - before
