"""Settings and state of the recorder as the user sees them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from forkpoint.capture import process
from forkpoint.settings import Fail, Redaction, Settings


def init(
    *,
    url: str | None = None,
    token: str | None = None,
    data: str | os.PathLike[str] | None = None,
    fail: Fail | None = None,
    disabled: bool | None = None,
    spool: str | os.PathLike[str] | None = None,
    code_version: str | None = None,
    redaction: Redaction | None = None,
    user_modules: Sequence[str] | None = None,
    draws: bool | None = None,
) -> None:
    """Set up the recorder; without it the environment alone decides. Call it before any run."""
    process.configure(
        Settings.from_environment(
            os.environ,
            url=url,
            token=token,
            data=None if data is None else Path(data),
            fail=fail,
            disabled=disabled,
            spool=None if spool is None else Path(spool),
            code_version=code_version,
            redaction=redaction,
            user_modules=None if user_modules is None else tuple(user_modules),
            draws=draws,
        )
    )


def flush(seconds: float | None = None) -> bool:
    """Write and send what was recorded so far.

    False if that took longer than `seconds`, or if facts were lost since the last flush: `stats`
    tells which, and the run has a gap there.
    """
    return process.flush(seconds)


def stats() -> dict[str, int]:
    """What the recorder of this process did and lost, by name; zeros are left out."""
    return process.stats()


def add_secret(value: str) -> None:
    """Mask this value wherever it appears in what is recorded from now on."""
    process.recorder().add_secret(value)
