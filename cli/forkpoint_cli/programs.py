"""What a host replay runs: a command as typed, or an entry point of Python code."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from forkpoint.content import ContentError, decode, digest_from_text
from forkpoint.events.kinds import ArtifactState

from forkpoint_cli.errors import CliError
from forkpoint_cli.sources import Opened

HOST = "forkpoint.capture.hosting"
ARGUMENTS = "arguments.json"
ENTRY = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_][\w.]*\Z")
_PLACE = re.compile(r"\{(run|name|attributes\.[\w.\-]+|tags\.[\w.\-]+)\}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """One of `command` and `entry`. `arguments` are for the entry; None: the run's attributes."""

    command: tuple[str, ...] = ()
    entry: str | None = None
    arguments: Mapping[str, object] | None = None
    tied: bool = False
    """Whether an entry point ends when we are killed, rather than go on unwatched."""

    @property
    def name(self) -> str:
        """What to call it in messages."""
        return self.entry or self.command[0]

    def words(self, opened: Opened, folder: Path) -> list[str]:
        """The command line; what an entry point is given goes into a file in `folder`."""
        if self.entry is None:
            return list(self.command)
        both = {"given": self.arguments, "recorded": attributes(opened)}
        (folder / ARGUMENTS).write_text(json.dumps(both))
        return hosted(self.entry, folder, tied=self.tied)

    def filled(self, opened: Opened) -> Program:
        """With `{run}`, `{name}`, `{attributes.KEY}` and `{tags.KEY}` of the recording put in.

        A tag is `KEY:VALUE`. Raises `CliError` for what the recording does not have.
        """
        if self.entry is not None:
            return self
        known = _values(opened)

        def value(found: re.Match[str]) -> str:
            if found[1] not in known:
                run = opened.recorded.start.run_id
                raise CliError(f"run {run} has no {found[1]} to put into {self.name}")
            return known[found[1]]

        return Program(command=tuple(_PLACE.sub(value, word) for word in self.command))


def hosted(entry: str, folder: Path, *, tied: bool) -> list[str]:
    """The command that runs an entry point with the arguments in a folder."""
    words = [sys.executable, "-m", HOST, entry, "--arguments", str(folder / ARGUMENTS)]
    return [*words, "--tied", str(os.getpid())] if tied else words


def program_of(command: Sequence[str], entry: str | None) -> Program | None:
    """The program asked for; None for none. Raises `CliError` for two, or a malformed entry."""
    if entry is None:
        return Program(command=tuple(command)) if command else None
    if command:
        raise CliError("give a command after `--` or --entry, not both")
    check_entry(entry)
    return Program(entry=entry)


def check_entry(entry: str) -> None:
    """Raises `CliError` for what is not `module:function`."""
    if not ENTRY.fullmatch(entry):
        raise CliError(f"an entry point is module:function, not {entry!r}")


def attributes(opened: Opened) -> Mapping[str, object]:
    """The attributes the recorded run began with; empty where they are not readable."""
    for ref in opened.recorded.start.artifacts:
        if ref.role == "attributes" and ref.root and ref.state is ArtifactState.CLEAN:
            try:
                value = decode(digest_from_text(ref.root), opened.get)
            except ContentError:
                return {}
            return cast("Mapping[str, object]", value) if isinstance(value, Mapping) else {}
    return {}


def _values(opened: Opened) -> dict[str, str]:
    start = opened.recorded.start
    tags = (tag.partition(":") for tag in start.tags)
    return {
        "run": start.run_id,
        "name": start.name,
        **{f"tags.{key}": value for key, _, value in tags},
        **{f"attributes.{key}": str(value) for key, value in attributes(opened).items()},
    }
