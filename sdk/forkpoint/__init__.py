"""Forkpoint: a flight recorder for AI agents. This module is the capture API and nothing else.

    import forkpoint

    @forkpoint.tool(effect="read")
    def search(query: str) -> list[str]: ...

    with forkpoint.run("triage"):
        search("disk full")

Names are loaded when they are first used, so that importing this costs next to nothing.
"""

from __future__ import annotations

TYPE_CHECKING = False
"""True to type checkers; importing it from `typing` would cost more than all the rest."""

if TYPE_CHECKING:
    from forkpoint.capture.api import add_secret, flush, init, stats
    from forkpoint.capture.decorators import (
        agent,
        model,
        planner,
        retriever,
        safety,
        step,
        tool,
        validator,
    )
    from forkpoint.capture.opening import attach, run, strand
    from forkpoint.capture.replaying import replaying
    from forkpoint.errors import CaptureError, ForkpointError
    from forkpoint.integrations.registry import instrument
    from forkpoint.replay.interception import Breach, Diverged
    from forkpoint.settings import Redaction, Settings

_HOMES = {
    "forkpoint.capture.api": ("add_secret", "flush", "init", "stats"),
    "forkpoint.capture.decorators": (
        "agent",
        "model",
        "planner",
        "retriever",
        "safety",
        "step",
        "tool",
        "validator",
    ),
    "forkpoint.replay.interception": ("Breach", "Diverged"),
    "forkpoint.capture.opening": ("attach", "run", "strand"),
    "forkpoint.capture.replaying": ("replaying",),
    "forkpoint.errors": ("CaptureError", "ForkpointError"),
    "forkpoint.integrations.registry": ("instrument",),
    "forkpoint.settings": ("Redaction", "Settings"),
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}

__all__ = [
    "Breach",
    "CaptureError",
    "Diverged",
    "ForkpointError",
    "Redaction",
    "Settings",
    "add_secret",
    "agent",
    "attach",
    "flush",
    "init",
    "instrument",
    "model",
    "planner",
    "replaying",
    "retriever",
    "run",
    "safety",
    "stats",
    "step",
    "strand",
    "tool",
    "validator",
]


def __getattr__(name: str) -> object:
    module = _HOME_OF.get(name)
    if module is None:
        raise AttributeError(f"module 'forkpoint' has no attribute {name!r}")
    value = getattr(__import__(module, fromlist=(name,)), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
