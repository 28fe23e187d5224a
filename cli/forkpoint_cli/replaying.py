"""A host replay: the program runs again in a child that records to disk; we upload its spool."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Protocol, cast

from forkpoint.bundle import write_bundle
from forkpoint.capture.walls import wall_for
from forkpoint.events.ids import run_id
from forkpoint.replay.elsewhere import may_seek
from forkpoint.replay.recording import Recording
from forkpoint.replay.session import Session as ReplaySession
from forkpoint.replay.spec import ReplaySpec, read_spec

from forkpoint_cli.answers import answering
from forkpoint_cli.errors import CliError
from forkpoint_cli.following import Leash, follow, start
from forkpoint_cli.programs import Program
from forkpoint_cli.redaction import our_redactor
from forkpoint_cli.session import Session
from forkpoint_cli.settings import Settings
from forkpoint_cli.sources import Opened
from forkpoint_cli.spools import SpoolUpload, Upload

_HELD = frozenset({"prompt", "params", "model", "tools", "replace"})
"""Edits that hold from the cut on, for every model call."""
Report = Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What the replay shall be. Places are call keys or step numbers, as typed."""

    policy: Mapping[str, object] | None = None
    at: str | None = None
    """Where to fork; None: a plain replay."""
    edits: Sequence[tuple[str, Mapping[str, object]]] = ()
    grants: Sequence[str] = ()
    spec: Mapping[str, object] | None = None
    """The whole of it, where somebody else opened the session; all above is ignored then."""
    stdout: IO[str] | int | None = None
    """Where the program's output goes; None: where ours goes."""
    environment: Mapping[str, str] = field(default_factory=dict[str, str])
    """Set for the program, besides ours."""
    own_group: bool = False
    """Whether what the program started is ended with it, when it is ended."""
    upload: Callable[[Settings, Path], Upload] = SpoolUpload
    """Who takes what the program records."""
    waiting: Waiting | None = None
    """A process that has the program's code already, and only waits for the files of its folder."""


class Waiting(Protocol):
    """A process that was started before its replay was asked for."""

    @property
    def folder(self) -> Path:
        """Where its files are looked for."""
        ...

    @property
    def child(self) -> subprocess.Popen[bytes]:
        """The process."""
        ...

    def go(self, *, quietly: bool = False) -> bool:
        """Let it begin, without what it prints if `quietly`; False if it has ended."""
        ...


class Unfinished(CliError):
    """The program ended before its replay was over; `status` is that of its process."""

    def __init__(self, program: Program, status: int) -> None:
        super().__init__(
            f"{program.name} ended with status {status} before its replay was over",
            hint="the first forkpoint.run() of the program is what is replayed",
        )
        self.status = status


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """How it went. `run` is the id of the new run; `uploaded` whether the service has it."""

    run: str
    report: Report
    uploaded: bool


def replay_command(
    session: Session, opened: Opened, asked: Asked, command: Sequence[str]
) -> Replayed:
    """As `replay_program`, of a command as typed."""
    return replay_program(session, opened, asked, Program(command=tuple(command)))


def replay_program(
    session: Session,
    opened: Opened,
    asked: Asked,
    program: Program,
    *,
    leash: Leash | None = None,
) -> Replayed:
    """Run a program on the recording and upload the run it makes while it makes it.

    Raises `Stopped` when its leash is pulled, and `Unfinished` when it ends before its replay does.
    """
    folder = asked.waiting.folder if asked.waiting else new_folder(session)
    try:
        files = Files.inside(folder, opened, _given_run(asked))
        plan = _planned(files, session.settings, opened, asked)
        with _elsewhere(session, opened, plan) as elsewhere:
            walled = _prepare(files, opened, plan, elsewhere)
            return _run(session, opened, asked, program, files=files, walled=walled, leash=leash)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _run(
    session: Session,
    opened: Opened,
    asked: Asked,
    program: Program,
    *,
    files: Files,
    walled: Sequence[str],
    leash: Leash | None,
) -> Replayed:
    upload = asked.upload(session.settings, files.spool)
    words = [*walled, *program.words(opened, files.spec.parent)]
    quietly = asked.stdout is not None
    if asked.waiting is not None and asked.waiting.go(quietly=quietly):
        child = asked.waiting.child
    else:
        child = start(
            words,
            environment={**files.environment(session), **asked.environment},
            stdout=asked.stdout,
            own_group=asked.own_group,
        )
    status = follow(child, leash or Leash(), meanwhile=upload.advance)
    upload.finish()
    report = _report(files.report, status, program)
    return Replayed(run=files.run, report=report, uploaded=upload.complete)


def new_folder(session: Session) -> Path:
    """A folder for one replay, of this user alone."""
    folder = session.settings.data / "replays" / str(uuid.uuid4())
    folder.mkdir(parents=True, mode=0o700)
    return folder


@dataclass(frozen=True, slots=True, kw_only=True)
class Files:
    """What the child is given, and where it leaves what it makes."""

    run: str
    """Id of the new run."""
    recording: Path
    spec: Path
    spool: Path
    report: Path

    @classmethod
    def inside(cls, folder: Path, opened: Opened | None = None, run: str | None = None) -> Files:
        """Those in a folder; a recording that is a file already stays where it is."""
        path = None if opened is None else opened.path
        return cls(
            run=run or run_id(time.time_ns(), os.urandom(10)),
            recording=path or folder / "recording.fpb",
            spec=folder / "spec.json",
            spool=folder / "spool",
            report=folder / "report.json",
        )

    def environment(self, session: Session) -> dict[str, str]:
        """What the child finds them by."""
        return {
            **os.environ,
            "FORKPOINT_DATA": str(session.settings.data),
            "FORKPOINT_REPLAY": str(self.recording),
            "FORKPOINT_REPLAY_SPEC": str(self.spec),
            "FORKPOINT_SPOOL": str(self.spool),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class _Plan:
    """A replay that was looked at, and may begin."""

    spec: Mapping[str, object]
    read: ReplaySpec
    looks_elsewhere: bool


def _planned(files: Files, settings: Settings, opened: Opened, asked: Asked) -> _Plan:
    """Raises `ReplayError` for what the child would refuse, before it starts."""
    spec = _spec(files, opened, asked)
    read = read_spec(spec)
    recorded = opened.recorded
    recording = Recording.load(recorded.start, recorded.end, recorded.events, opened.get)
    ReplaySession(recording, read, redaction_key_id=our_redactor(settings).key_id)
    elsewhere = opened.path is None and may_seek(read.policy, recording)
    return _Plan(spec=spec, read=read, looks_elsewhere=elsewhere)


def _elsewhere(
    session: Session, opened: Opened, plan: _Plan
) -> AbstractContextManager[Path | None]:
    """Whoever looks for answers in other runs, where the policy can ask for them."""
    if not plan.looks_elsewhere:
        return nullcontext()
    return answering(session.service, opened.recorded.start.run_id)


def _prepare(files: Files, opened: Opened, plan: _Plan, elsewhere: Path | None) -> tuple[str, ...]:
    """Write what the child reads; the words before its command that put it behind a wall."""
    recorded = opened.recorded
    if opened.path is None:
        write_bundle(
            files.recording, recorded.start, recorded.end, recorded.events, recorded.blocks
        )
    wall = wall_for(plan.read.policy.allow_live.hosts)
    files.spool.mkdir(exist_ok=True)
    said = {
        **plan.spec,
        "guard": wall.level,
        "elsewhere": None if elsewhere is None else str(elsewhere),
    }
    files.spec.write_text(json.dumps(said))
    return wall.words


def _spec(files: Files, opened: Opened, asked: Asked) -> dict[str, object]:
    """The file behind FORKPOINT_REPLAY_SPEC."""
    if asked.spec is not None:
        return {**asked.spec, "run_id": files.run, "report": str(files.report)}
    fork = asked.at is not None
    return {
        "session": str(uuid.uuid4()),
        "kind": "fork" if fork else "replay",
        "run_id": files.run,
        "policy": asked.policy,
        "cut": {"key": opened.key_at(asked.at)} if asked.at is not None else None,
        "edits": [_placed(opened, place, edit) for place, edit in asked.edits],
        "report": str(files.report),
        "grants": list(asked.grants),
    }


def _given_run(asked: Asked) -> str | None:
    given = (asked.spec or {}).get("run_id")
    return None if given is None else str(given)


def _placed(opened: Opened, place: str, edit: Mapping[str, object]) -> dict[str, object]:
    if edit["kind"] in _HELD:
        return dict(edit)
    return {**edit, "key": opened.key_at(place)}


def _report(path: Path, status: int, program: Program) -> Report:
    try:
        return cast("Report", json.loads(path.read_bytes()))
    except (OSError, json.JSONDecodeError):
        raise Unfinished(program, status) from None
