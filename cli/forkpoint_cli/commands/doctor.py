"""`forkpoint doctor`: whether everything that is needed is there and talks to each other."""

from __future__ import annotations

import platform
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib import metadata
from typing import cast

import click
from rich.text import Text

from forkpoint_cli.errors import TROUBLE, CliError
from forkpoint_cli.output import Column
from forkpoint_cli.session import Session, json_option, pass_session

_PROJECT = "query { project { name version } }"
_FREE_BYTES = 1_000_000_000
_DISTRIBUTIONS = ("forkpoint", "forkpoint-cli", "forkpoint-server", "forkpoint-worker")


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing looked at. `fine` is None for plain information."""

    what: str
    found: str
    fine: bool | None = None


@click.command()
@json_option
@pass_session
def doctor(session: Session, as_json: bool) -> None:
    """Check versions, the data directory and the way to the service."""
    findings = [*_versions(), _data(session), *_service(session)]
    if as_json:
        session.output.json([asdict(finding) for finding in findings])
    else:
        columns = [Column(title=""), Column(title="what"), Column(title="found", width=100)]
        rows = [[_mark(finding), finding.what, finding.found] for finding in findings]
        session.output.table(columns, rows)
    if any(finding.fine is False for finding in findings):
        raise SystemExit(TROUBLE)


def _versions() -> list[Finding]:
    found = [Finding(what="python", found=platform.python_version())]
    for name in _DISTRIBUTIONS:
        try:
            found.append(Finding(what=name, found=metadata.version(name)))
        except metadata.PackageNotFoundError:
            found.append(Finding(what=name, found="not installed"))
    return found


def _data(session: Session) -> Finding:
    data = session.settings.data
    nearest = next(path for path in (data, *data.parents) if path.exists())
    free = shutil.disk_usage(nearest).free
    words = f"{data} ({free / 1e9:.1f} GB free)"
    return Finding(what="data directory", found=words, fine=free > _FREE_BYTES)


def _service(session: Session) -> list[Finding]:
    try:
        project = cast("Mapping[str, object]", session.service.ask(_PROJECT)["project"])
    except CliError as error:
        words = f"{error.message}; {error.hint}" if error.hint else error.message
        return [Finding(what="service", found=words, fine=False)]
    ours, theirs = metadata.version("forkpoint-cli"), str(project["version"])
    return [
        Finding(
            what="service", found=f"{session.settings.url}, project {project['name']}", fine=True
        ),
        Finding(
            what="service version", found=theirs, fine=theirs.split(".")[0] == ours.split(".")[0]
        ),
    ]


def _mark(finding: Finding) -> Text:
    if finding.fine is None:
        return Text("·", style="dim")
    return Text("✓", style="green") if finding.fine else Text("✗", style="red")
