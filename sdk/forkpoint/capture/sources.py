"""Puts all sources of nondeterminism under watch, once for a process."""

from __future__ import annotations

from forkpoint.capture.chance import follow_generators, patched_chance
from forkpoint.capture.clocks import patch_datetime, patched_clocks
from forkpoint.capture.identifiers import patched_identifiers
from forkpoint.capture.rebinding import rebind


def install() -> None:
    """Patch the sources; names that user code bound before are bound anew."""
    swaps = {**patched_clocks(), **patched_chance(), **patched_identifiers()}
    before = {id(getattr(module, name)): ours for (module, name), ours in swaps.items()}
    for (module, name), ours in swaps.items():
        setattr(module, name, ours)
    follow_generators()
    patch_datetime()
    rebind(before)
