"""Small real programs in the places of migrations, API and worker, for tests of the supervisor.

    python tiny_parts.py migrate|api|worker|dying

`migrate` makes the table in which migrations note their revision, with the revision "tiny-1".
`api` answers every GET with its environment. `dying` ends at once with a word in its log.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from forkpoint_server.embedded.binaries import postgres_bin
from forkpoint_server.embedded.settings import read_programs

REVISION = (
    "create table if not exists alembic_version (version_num text);"
    "truncate alembic_version; insert into alembic_version values ('tiny-1');"
)


class Answers(BaseHTTPRequestHandler):
    """Says what it was started with."""

    def do_GET(self) -> None:
        body = json.dumps({"pid": os.getpid(), "environment": dict(os.environ)}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def migrate() -> None:
    url = urlsplit(os.environ["FORKPOINT_MIGRATION_URL"])
    command = [postgres_bin(read_programs()) / "psql", "-Xq", "-v", "ON_ERROR_STOP=1"]
    command += ["-h", parse_qs(url.query)["host"][0], "-U", url.username or "", "-c", REVISION]
    environment = {"PGPASSWORD": url.password or "", "PATH": os.defpath}
    subprocess.run([*command, "-d", url.path[1:]], check=True, env=environment)
    print("upgraded to tiny-1")


def serve() -> None:
    address = (os.environ["FORKPOINT_HOST"], int(os.environ["FORKPOINT_PORT"]))
    ThreadingHTTPServer(address, Answers).serve_forever()


if __name__ == "__main__":
    match sys.argv[1]:
        case "migrate":
            migrate()
        case "api":
            serve()
        case "worker":
            signal.pause()
        case _:
            sys.exit("this program always dies")
