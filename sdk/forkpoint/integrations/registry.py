"""Which client libraries are recorded, and the proof that recording them works."""

from __future__ import annotations

import functools
import importlib
import importlib.util
import sys
from typing import Protocol, cast

from forkpoint.capture import process
from forkpoint.errors import CaptureError, UsageError
from forkpoint.integrations.arrivals import when_imported

LIBRARIES = ("openai", "httpx", "httpx2", "aiohttp", "urllib")
_LATER = frozenset({"httpx", "httpx2", "aiohttp"})
"""Libraries that are patched when the program imports them, unless they are named."""


class Integration(Protocol):
    """A module of this room."""

    def patch(self) -> None:
        """Patch the library, once."""
        ...

    def canary(self) -> bool:
        """Send one request into an in-memory transport; whether one step was recorded of it."""
        ...


def instrument(*libraries: str) -> tuple[str, ...]:
    """Record the calls of these client libraries, by default of all that are installed.

    Each is tried with one request that goes nowhere. If that leaves no step, recording it is blind:
    `fail=closed` and replays raise `CaptureError`, else the runs to come are marked.
    """
    if unknown := set(libraries) - set(LIBRARIES):
        raise UsageError(f"unknown libraries {sorted(unknown)}; known: {', '.join(LIBRARIES)}")
    if process.settings().disabled:
        return ()
    patched: list[str] = []
    for library in libraries or LIBRARIES:
        if library not in sys.modules and importlib.util.find_spec(library) is None:
            continue
        if libraries or library not in _LATER:
            _patch(library)
        else:
            when_imported(library, functools.partial(_patch, library))
        patched.append(library)
    return tuple(patched)


def _patch(library: str) -> None:
    module = cast("Integration", importlib.import_module(f"forkpoint.integrations.{library}"))
    module.patch()
    if not module.canary():
        _blind(library)


def _blind(library: str) -> None:
    settings = process.settings()
    if settings.fail == "closed" or settings.replay is not None:
        raise CaptureError(
            f"calls of {library} are not recorded: this version works in another way",
            code="capture_blind",
            library=library,
        )
    process.mark_blind(library)
