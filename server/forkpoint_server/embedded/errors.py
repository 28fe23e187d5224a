"""Why the one-command mode could not start; every message says what to do now."""

from __future__ import annotations

from pathlib import Path


class EmbeddedError(Exception):
    """The stack cannot start or go on; the message is meant for the person at the terminal."""


class ProgramMissing(EmbeddedError):
    """No Postgres or Valkey program was found on this machine."""


class NamespacesForbidden(EmbeddedError):
    """We are root, and this machine does not let root enter a user namespace."""

    def __init__(self) -> None:
        super().__init__(
            "Postgres refuses to run as root, and user namespaces are forbidden here: "
            "use a normal user (or set FORKPOINT_DATABASE_URL to a server of your own)"
        )


class DirectoryInUse(EmbeddedError):
    """Another supervisor works in this data directory."""

    def __init__(self, directory: Path, *, holder: int) -> None:
        self.holder = holder
        super().__init__(
            f"{directory} is in use by process {holder}: stop it with `forkpoint down`, "
            "or start this one with another --data directory"
        )


class OtherMajor(EmbeddedError):
    """The data directory was written by another major version of Postgres."""

    def __init__(self, directory: Path, *, found: str, program: str) -> None:
        super().__init__(
            f"{directory} was written by Postgres {found}, the program here is Postgres {program}: "
            f"dump it with pg_dumpall of {found}, move the directory away, start again and restore "
            f"the dump with psql; or point FORKPOINT_PG_BIN at the programs of Postgres {found}"
        )


class PartFailed(EmbeddedError):
    """One program of the stack ended, or was not ready in time; carries the tail of its log."""

    def __init__(self, name: str, what: str, *, log: Path, tail: str) -> None:
        self.name = name
        self.log = log
        self.tail = tail
        super().__init__(f"{name} {what}; its log is {log}")


class PortTaken(EmbeddedError):
    """Something else listens where the API should."""

    def __init__(self, host: str, *, port: int) -> None:
        super().__init__(
            f"port {port} on {host} is taken by another program: "
            "choose one with --port N, or --port 0 for any free one"
        )
