"""A supervisor to kill: start the databases, print their processes, wait (or end, with --once).

python hold_databases.py [--once] DIRECTORY
"""

from __future__ import annotations

import signal
import sys

from forkpoint_server.embedded import Embedded
from forkpoint_server.embedded.processes import mark_of

if __name__ == "__main__":
    with Embedded(sys.argv[-1]) as databases:
        names = ("postgres", "valkey")
        print(*(mark_of(databases.child(name).process.pid).text() for name in names), flush=True)
        if "--once" not in sys.argv:
            signal.pause()
