"""`up` with small programs in the places of migrations, API and worker.

Run as `python hold_stack.py [API_PART]`; FORKPOINT_DATA and FORKPOINT_PORT say where.
"""

from __future__ import annotations

import os
import sys

from embedded_programs import tiny_commands
from forkpoint_server.embedded.commands import up
from forkpoint_server.embedded.report import report_to
from forkpoint_server.embedded.settings import read_settings

if __name__ == "__main__":
    settings = read_settings(os.environ)
    commands = tiny_commands(api=sys.argv[1] if len(sys.argv) > 1 else "api")
    sys.exit(up(settings, report_to(sys.stdout, os.environ), commands=commands))
