"""A host that records until it is killed, and writes down what it did: `recording_host.py LOG`.

Lines of the log: `run ID`, `made NUMBER NANOSECONDS` after a call came back, `acked NUMBER` after a
flush said that everything up to that call is stored. Each is one write, so a kill cuts none.
"""

from __future__ import annotations

import itertools
import os
import sys
import time

import forkpoint

ACKED_EVERY = 200
PAUSE_S = 0.001
"""Between two calls: about as fast as the background keeps up with on a busy machine."""


@forkpoint.tool(effect="read")
def look_up(number: int, text: str) -> dict[str, object]:
    return {"found": number, "text": text}


def text_of(number: int) -> str:
    """Half of it is new with each call, half the same in all: blocks are shared between calls."""
    return f"{number} " * 60


def main(path: str) -> None:
    log = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def write(line: str) -> None:
        os.write(log, f"{line}\n".encode())

    with forkpoint.run("recorded until it is killed") as run:
        write(f"run {run.id}")
        for number in itertools.count():
            look_up(number, text_of(number))
            write(f"made {number} {time.monotonic_ns()}")
            if number % ACKED_EVERY == ACKED_EVERY - 1 and forkpoint.flush(0.5):
                write(f"acked {number}")
            time.sleep(PAUSE_S)


if __name__ == "__main__":
    main(sys.argv[1])
