"""A real Valkey (Redis protocol) on a unix socket, with an append-only file."""

from __future__ import annotations

import os
import signal
import socket
from dataclasses import dataclass
from pathlib import Path

from forkpoint_server.embedded.children import Program
from forkpoint_server.embedded.paths import DataLayout

READY_SECONDS = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Valkey:
    """One server in one data directory."""

    layout: DataLayout
    server: Path
    sockets: Path
    durable: bool

    @property
    def socket(self) -> Path:
        """Its only door."""
        return self.sockets / "valkey.sock"

    @property
    def url(self) -> str:
        """For `redis.from_url`."""
        return f"unix://{self.socket}"

    def prepare(self) -> None:
        """Make its directory; remove the socket of a server that was killed."""
        self.layout.valkey.mkdir(exist_ok=True, mode=0o700)
        self.socket.unlink(missing_ok=True)

    def program(self, *, inherits: tuple[int, ...]) -> Program:
        """The server; it loses at most the last second of wake-ups, and Postgres remembers."""
        command: list[str | Path] = [self.server, "--port", "0", "--unixsocket", self.socket]
        command += ["--unixsocketperm", "700", "--dir", self.layout.valkey, "--save", ""]
        command += ["--appendonly", "yes" if self.durable else "no", "--appendfsync", "everysec"]
        command += ["--maxmemory-policy", "noeviction", "--daemonize", "no"]
        return Program(
            name="valkey",
            command=command,
            environment={"PATH": os.defpath, "TZ": "UTC"},
            stop_signal=signal.SIGTERM,
            death_signal=signal.SIGTERM,
            inherits=inherits,
        )

    def is_ready(self) -> bool:
        """PING; it answers -LOADING while it reads its file."""
        try:
            with socket.socket(socket.AF_UNIX) as client:
                client.settimeout(1)
                client.connect(str(self.socket))
                client.sendall(b"PING\r\n")
                return client.recv(16) == b"+PONG\r\n"
        except OSError:
            return False
