"""Runs an agent once for each of its events and kills the process -9 after that one.

    python killed.py FOLDER

Each run is a fork of this process, which has imported everything; it spools to `FOLDER/NUMBER` and
dies as soon as so many events are written (0: the record that begins the run). The last one lives.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import forkpoint
from forkpoint.capture.disk import DiskSpool

ran: list[str] = []
"""What bodies ran in this process."""


@forkpoint.tool(effect="read")
def look(number: int) -> str:
    ran.append("look")
    return f"found {number}"


@forkpoint.tool(effect="write")
def save(text: str) -> str:
    ran.append("save")
    return f"saved {len(text)}"


@forkpoint.model
def say(messages: list[str]) -> Iterator[str]:
    ran.append("say")
    yield from ("one", "two")


def writing() -> str:
    """Reads, writes and a stream."""
    said = [look(1), save("first"), *say(["hello"]), look(2), save("second")]
    return repr(said)


def run_once() -> None:
    """One run of the agent."""
    with forkpoint.run("agent") as run:
        run.set_output(writing())


def main(folder: Path) -> None:
    """A run for each number of events, until one comes to its end."""
    number = 0
    while _killed(folder / str(number), after=number):
        number += 1


def _killed(spool: Path, *, after: int) -> bool:
    """Whether a run died of its kill after so many events."""
    child = os.fork()
    if child:
        status = os.waitpid(child, 0)[1]
        return os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
    _die(after)
    forkpoint.init(spool=spool, data=spool.parent / "data")
    run_once()
    forkpoint.flush()
    os._exit(0)


def _die(after: int) -> None:
    """End this process when so many events are on disk, by the thread that wrote the last."""
    written = [0]
    start, event = DiskSpool.start, DiskSpool.event

    def counted_start(self: DiskSpool, *args: object) -> None:
        start(self, *args)  # type: ignore[arg-type]
        _kill(self, now=after == 0)

    def counted_event(self: DiskSpool, *args: object) -> None:
        event(self, *args)  # type: ignore[arg-type]
        written[0] += 1
        _kill(self, now=after == written[0])

    DiskSpool.start, DiskSpool.event = counted_start, counted_event  # type: ignore[method-assign]


def _kill(spool: DiskSpool, *, now: bool) -> None:
    if now:
        spool.flush()
        os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
