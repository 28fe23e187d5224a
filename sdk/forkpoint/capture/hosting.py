"""Runs one entry point in a process of its own: the guard of its replay is up before user code is.

    python -m forkpoint.capture.hosting module:function [--arguments FILE] [--tied PID] [--waits]

Called by the command line and by runners; `FORKPOINT_REPLAY` and its companions say what to replay.
The file holds `{"given": {...} | null, "recorded": {...}}`: keyword arguments asked for, else those
of the recorded run's attributes that the function takes. No code comes from anywhere but the entry.
With `--waits` the code is imported now and the replay begins when `go` comes on standard input.
"""

from __future__ import annotations

import argparse
import asyncio
import ctypes
import importlib
import inspect
import json
import os
import platform
import signal
import sys
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import cast

from forkpoint.capture import process, replaying
from forkpoint.capture.replaying import Replay
from forkpoint.capture.warming import Warmed, wait_to_go
from forkpoint.errors import ForkpointError, UsageError
from forkpoint.events.kinds import Verdict
from forkpoint.replay.codes import EXITS
from forkpoint.replay.interception import Breach, Diverged

ORPHAN = 125
"""Exit status of a process whose parent is gone already."""
_SET_PARENT_DEATH_SIGNAL = 1
"""prctl(2)."""
_OURS = "forkpoint.capture.hosting"
_NEEDED = ("forkpoint.capture.loading", "forkpoint.capture.drawing", "forkpoint.capture.pools")
"""Imported by a process that waits; others import them when they need them."""
Entry = Callable[..., object]


def main() -> int:
    """Run the entry point; its exit status."""
    parser = argparse.ArgumentParser(prog="forkpoint.capture.hosting")
    parser.add_argument("entry", help="module:function")
    parser.add_argument("--arguments", type=Path)
    parser.add_argument("--tied", type=int, metavar="PID", help="end when this parent ends")
    parser.add_argument("--waits", action="store_true", help="import the code, then wait for `go`")
    asked = parser.parse_args()
    if asked.tied is not None:
        _tie(asked.tied)
    platform.processor()  # many libraries ask when imported; the answer is kept, `uname` runs once
    if asked.waits and not _warm(asked.entry):
        return 0
    try:
        replay = replaying.arm()
    except ForkpointError as error:
        print(f"forkpoint: {error.message}", file=sys.stderr)
        return 2
    try:
        entry = load_entry(asked.entry)
    except UsageError as error:
        return _never_began(replay, "incomparable", "entrypoint_missing", error.message)
    except Breach as breach:
        return _never_began(replay, "diverged", breach.guard, str(breach))
    given: Mapping[str, object] = {}
    if asked.arguments is not None:
        given = json.loads(asked.arguments.read_bytes())
    try:
        return _run(entry, given, replay)
    finally:
        process.close()


def _warm(entry: str) -> bool:
    """Import what a replay needs, and the code; wait. False if the replay never comes.

    Where the code did not stay as it was imported the process begins anew, in the ordinary way.
    """
    for module in _NEEDED:
        importlib.import_module(module)
    process.recorder()
    warmed = Warmed()
    warmed.during(lambda: load_entry(entry))
    if not wait_to_go():
        return False
    if not warmed.still():
        process.close()
        words = [word for word in sys.argv[1:] if word != "--waits"]
        os.execv(sys.executable, [sys.executable, "-m", _OURS, *words])
    return True


def load_entry(entry: str) -> Entry:
    """The function behind `module:function`. Raises `UsageError` `entrypoint_missing`."""
    module, colon, path = entry.partition(":")
    if not colon or not module or not path:
        raise UsageError(f"an entry point is module:function, not {entry!r}")
    try:
        found: object = importlib.import_module(module)
    except Exception as error:  # whatever user code raises while it is imported
        words = f"cannot import {module}: {type(error).__name__}: {error}"
        raise UsageError(words, code="entrypoint_missing") from error
    for name in path.split("."):
        found = getattr(found, name, None)
    if not callable(found):
        raise UsageError(f"{module} has no function {path}", code="entrypoint_missing")
    return found


def call_entry(entry: Entry, arguments: Mapping[str, object]) -> object:
    """Call it with keyword arguments, to its end if it is a coroutine function."""
    made = entry(**arguments)
    return asyncio.run(made) if inspect.iscoroutine(made) else made


def fitting(entry: Entry, attributes: Mapping[str, object]) -> dict[str, object]:
    """The attributes of a run that are parameters of its entry point by name."""
    parameters = inspect.signature(entry).parameters
    return {name: value for name, value in attributes.items() if name in parameters}


def _tie(parent: int) -> None:
    """Have the system kill this process when its parent is gone (Linux; elsewhere nothing)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_SET_PARENT_DEATH_SIGNAL, signal.SIGKILL)
        if os.getppid() != parent:  # it went before we asked
            sys.exit(ORPHAN)


def _run(entry: Entry, given: Mapping[str, object], replay: Replay | None) -> int:
    asked = cast("Mapping[str, object] | None", given.get("given"))
    recorded = cast("Mapping[str, object]", given.get("recorded") or {})
    try:
        call_entry(entry, fitting(entry, recorded) if asked is None else asked)
    except (Diverged, Breach) as stopped:
        if isinstance(stopped, Breach) and replay is not None and replay.run is None:
            return _never_began(replay, "diverged", stopped.guard, str(stopped))
        print(f"forkpoint: {stopped}", file=sys.stderr)
        return 1
    except SystemExit as leaving:
        return leaving.code if isinstance(leaving.code, int) else int(leaving.code is not None)
    except Exception:  # the edge of this process: what the program raises is its own
        traceback.print_exc()
        return 1
    return 0


def _never_began(replay: Replay | None, verdict: str, reason: str, message: str) -> int:
    """Say, also in the report, why there is no run; the exit status."""
    print(f"forkpoint: {message}", file=sys.stderr)
    status = EXITS[Verdict(verdict)]
    if replay is not None and replay.report is not None:
        step = {"key": None, "sequence": None, "sourceKey": None, "reason": reason}
        report: dict[str, object] = {
            "format": "forkpoint.divergence/1",
            "verdict": verdict,
            "exit": status,
            "failedStep": step,
            "message": message,
            "matched": 0,
            "recorded": 0,
            "changes": [],
            "soft": [],
        }
        replay.report.write_text(json.dumps(report))
    return status


if __name__ == "__main__":
    sys.exit(main())
