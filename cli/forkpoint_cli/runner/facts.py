"""What a runner says of itself and of the code it would execute."""

from __future__ import annotations

import hashlib
import platform
import socket
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from forkpoint.capture.walls import wall_for
from forkpoint.replay.recording import CONTENT_FORMAT, SIGNATURE_CODEC

from forkpoint_cli.errors import CliError
from forkpoint_cli.programs import check_entry

LOCKS = ("requirements.lock", "uv.lock", "poetry.lock", "pdm.lock", "Pipfile.lock")
"""Files that pin what is installed; the first that is there counts."""
_GIT_S = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """Announced once for each connection."""

    name: str
    entries: Mapping[str, str]
    """Entry points by the name replays ask for: `module:function`. Nothing else is ever run."""
    slots: int
    commit: str | None
    dirty: bool
    lock_digest: str | None
    guard: str
    """Level of the wall around replays without a live host: `os`, `tcp` or `python`."""

    @property
    def code_version(self) -> str | None:
        """What the replayed runs are marked with."""
        return None if self.commit is None else self.commit + ("-dirty" if self.dirty else "")

    @property
    def environment(self) -> dict[str, str]:
        """What the replayed code finds of this, besides ours."""
        version = self.code_version
        return {} if version is None else {"FORKPOINT_CODE_VERSION": version}

    def announced(self) -> dict[str, object]:
        """As `runnerJobs` takes it."""
        return {
            "name": self.name,
            "entrypoints": list(self.entries),
            "slots": self.slots,
            "commit": self.commit,
            "dirty": self.dirty,
            "lockDigest": self.lock_digest,
            "python": platform.python_version(),
            "codecs": [CONTENT_FORMAT, SIGNATURE_CODEC],
            "guard": self.guard,
        }


def facts_here(name: str | None, entries: Mapping[str, str], *, slots: int, folder: Path) -> Facts:
    """Look around in `folder`, where the code is."""
    commit = _git(folder, "rev-parse", "HEAD")
    return Facts(
        name=name or socket.gethostname(),
        entries=entries,
        slots=slots,
        commit=commit,
        dirty=bool(commit and _git(folder, "status", "--porcelain")),
        lock_digest=_lock_digest(folder),
        guard=wall_for(()).level,
    )


def read_entries(given: Sequence[str]) -> dict[str, str]:
    """`name=module:function`, each name once; without a name the function is its own."""
    entries: dict[str, str] = {}
    for one in given:
        name, equals, entry = one.partition("=")
        if not equals:
            name = entry = one
        check_entry(entry)
        if name in entries:
            raise CliError(f"two entry points are called {name}")
        entries[name] = entry
    return entries


def _git(folder: Path, *words: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *words],
            capture_output=True,
            text=True,
            check=True,
            timeout=_GIT_S,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


def _lock_digest(folder: Path) -> str | None:
    found = next((folder / name for name in LOCKS if (folder / name).is_file()), None)
    return None if found is None else hashlib.sha256(found.read_bytes()).hexdigest()
