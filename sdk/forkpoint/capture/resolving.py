"""Functions of this process that a policy or an edit may name: allowed by a setting, or installed.

A package installs one under the entry point group `forkpoint.resolvers`: its name is what policies
write, so that whoever installs a package decides what may run, not whoever writes a policy.
"""

from __future__ import annotations

import fnmatch
import importlib
from collections.abc import Sequence
from functools import partial
from importlib.metadata import entry_points
from typing import Any, cast

from forkpoint.replay.resolvers import FindResolver, Resolver

GROUP = "forkpoint.resolvers"


def finder(allowed: Sequence[str]) -> FindResolver:
    """Finds functions by name; `allowed` are globs of `module:function`."""
    return partial(_find, tuple(allowed))


def _find(allowed: tuple[str, ...], name: str) -> Resolver | None:
    for entry in entry_points(group=GROUP):
        if entry.name == name:
            return cast("Resolver", entry.load())
    module, colon, path = name.partition(":")
    if not colon or not any(fnmatch.fnmatchcase(name, glob) for glob in allowed):
        return None
    try:
        found: Any = importlib.import_module(module)
        for part in path.split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError):
        return None
    return found if callable(found) else None
