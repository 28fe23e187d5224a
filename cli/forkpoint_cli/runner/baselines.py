"""Whether a runner's code repeats a recording: replayed exactly and without edits, once.

A fork shows what its edits do only where it does. The answer is kept as long as the runner runs,
which says once of what code it is; the service keeps it longer where that code is committed.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path

from forkpoint.errors import ForkpointError

from forkpoint_cli.errors import CliError
from forkpoint_cli.following import Leash, Stopped
from forkpoint_cli.programs import Program
from forkpoint_cli.replaying import Asked, Waiting, replay_program
from forkpoint_cli.session import Session
from forkpoint_cli.sources import Opened
from forkpoint_cli.spools import NoUpload


class Baselines:
    """Proofs of one runner; of those who ask at once for the same one, the first makes it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: dict[tuple[str, str, str], Future[bool]] = {}

    def holds(
        self,
        session: Session,
        opened: Opened,
        program: Program,
        *,
        environment: Mapping[str, str],
        leash: Leash,
        waiting: Callable[[], Waiting | None] = lambda: None,
    ) -> bool:
        """Whether the replay is identical. Raises `Stopped` when the leash is pulled.

        `waiting` gives a process that has the code already, for the one that replays.
        """
        start = opened.recorded.start
        if start.identity == "derived" or opened.recorded.end is None:
            return False  # nobody can repeat keys that were derived, or an end that never came
        arguments = json.dumps(program.arguments, sort_keys=True)
        key = start.run_id, str(program.entry), arguments
        with self._lock:
            known = self._known.get(key)
            mine = known is None
            answer = self._known.setdefault(key, Future[bool]())
        if not mine:
            return answer.result()
        try:
            asked = _exact(environment, waiting())
            answer.set_result(_replayed(session, opened, asked, program, leash))
        except BaseException:  # nobody may wait for ever, nor take it for an answer later
            with self._lock:
                del self._known[key]
            answer.set_result(False)
            raise
        return answer.result()


def _exact(environment: Mapping[str, str], waiting: Waiting | None) -> Asked:
    return Asked(environment=environment, own_group=True, upload=NoUpload, waiting=waiting)


def _replayed(
    session: Session, opened: Opened, asked: Asked, program: Program, leash: Leash
) -> bool:
    with Path(os.devnull).open("w") as nowhere:
        try:
            quiet = replace(asked, stdout=nowhere)
            report = replay_program(session, opened, quiet, program, leash=leash).report
        except Stopped:
            raise
        except (CliError, ForkpointError):
            return False
    return report.get("verdict") == "identical"
