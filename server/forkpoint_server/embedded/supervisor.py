"""Keep a stack until somebody ends it: signals in, an exit status out."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from types import FrameType

from forkpoint_server.embedded.errors import EmbeddedError, PartFailed
from forkpoint_server.embedded.report import Report
from forkpoint_server.embedded.settings import EmbeddedSettings
from forkpoint_server.embedded.stack import Commands, Stack

TROUBLE = 2
_LOOK_SECONDS = 0.2
_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class _Ended(BaseException):
    """Somebody asked us to end; raised wherever the main thread is."""


def keep_up(settings: EmbeddedSettings, report: Report, *, commands: Commands | None = None) -> int:
    """Start the stack, keep it up until a signal, end it; the exit status of the process.

    Call it from the main thread. A second signal while it ends makes this process go at once, and
    the kernel tells the children.
    """
    stack = Stack(settings, commands=commands, tell=report.part)
    _on_ending_signals(_raise_ended)
    try:
        try:
            stack.start()
            report.ready(stack.url, logs=stack.databases.layout.logs)
            while True:
                time.sleep(_LOOK_SECONDS)
                stack.tend(now=time.monotonic())
        finally:
            _on_ending_signals(_leave_at_once)
            stack.stop()
    except _Ended:
        report.say("Stopped; everything is kept.")
        return 0
    except PartFailed as failure:
        report.failed(str(failure), tail=failure.tail)
    except EmbeddedError as error:
        report.failed(str(error))
    return TROUBLE


def _raise_ended(number: int, frame: FrameType | None) -> None:
    raise _Ended


def _leave_at_once(number: int, frame: FrameType | None) -> None:
    os._exit(128 + number)


def _on_ending_signals(action: Callable[[int, FrameType | None], None]) -> None:
    for number in _ENDING:
        signal.signal(number, action)
