"""What the command line says when it cannot go on, with the exit code it leaves behind."""

from __future__ import annotations

OK = 0
DIFFERENT = 1
TROUBLE = 2
INCOMPARABLE = 125


class CliError(Exception):
    """Wrong usage or trouble: the message says what happened and what to do now. Exit code 2."""

    exit_code = TROUBLE

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class ServerAway(CliError):
    """Nothing answers at the address of the service."""


class Refused(CliError):
    """The service answered with an error; `code` is its stable code."""

    def __init__(self, message: str, *, code: str, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.code = code


class NoSuchRun(CliError):
    """No run of this project has that id or prefix."""
