"""`forkpoint doctor`: whether everything that is needed is there and talks to each other."""

from __future__ import annotations

import json
import platform
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib import metadata
from typing import cast

import click
from rich.text import Text

from forkpoint_cli.commands.audit import CHAIN
from forkpoint_cli.errors import DIFFERENT, TROUBLE, CliError
from forkpoint_cli.output import Column
from forkpoint_cli.session import Session, json_option, pass_session
from forkpoint_cli.sources import open_source
from forkpoint_cli.volatile import compare

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
@click.option(
    "--volatile",
    nargs=2,
    metavar="A B",
    help="Compare two runs or bundles of the same program on the same question.",
)
@json_option
@pass_session
def doctor(session: Session, volatile: tuple[str, str] | None, as_json: bool) -> None:
    """Check versions, the data directory and the way to the service.

    With --volatile say which inputs differ between two runs of the same program, and which of them
    are clocks, ids, paths or addresses. Exit status: 0 none differs otherwise, 1 some do.
    """
    if volatile is not None:
        raise SystemExit(_volatile(session, *volatile, as_json=as_json))
    service = _service(session)
    findings = [*_versions(), _data(session), *service]
    findings += [_audit(session)] if all(each.fine for each in service) else []
    if as_json:
        session.output.json([asdict(finding) for finding in findings])
    else:
        columns = [Column(title=""), Column(title="what"), Column(title="found", width=100)]
        rows = [[_mark(finding), finding.what, finding.found] for finding in findings]
        session.output.table(columns, rows)
    if any(finding.fine is False for finding in findings):
        raise SystemExit(TROUBLE)


def _volatile(session: Session, a: str, b: str, *, as_json: bool) -> int:
    found = compare(open_source(session, a), open_source(session, b))
    own = [one for one in found.places if one.form is None]
    status = DIFFERENT if own or found.unpaired else 0
    if as_json:
        listed = [asdict(one) for one in found.places]
        proposal = {"normalise": found.proposal(), "places": listed}
        session.output.json({**proposal, "unpaired": list(found.unpaired), "steps": found.paired})
        return status
    columns = [
        Column(title="form"),
        Column(title="step", width=30),
        Column(title="place", width=50),
        Column(title="times", right=True),
        Column(title="one run", width=40, gives=True),
        Column(title="the other", width=40, gives=True),
    ]
    rows = [
        [
            Text(one.form or "?", style="green" if one.form else "red"),
            f"{one.key} {one.step}",
            f"{one.part}{one.pointer}",
            str(one.seen),
            str(one.before),
            str(one.after),
        ]
        for one in found.places
    ]
    session.output.table(columns, rows)
    session.output.say(
        f"{found.paired} steps in both, {len(found.unpaired)} in one only,"
        f" {len(found.places) - len(own)} places volatile, {len(own)} of no known form"
    )
    if found.proposal():
        session.output.say(json.dumps({"normalise": found.proposal()}))
    return status


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


def _audit(session: Session) -> Finding:
    """Whether the audit log is as it was written; for tokens without `admin`, nothing."""
    try:
        chain = cast("Mapping[str, object]", session.service.ask(CHAIN)["auditChain"])
    except CliError as error:
        return Finding(what="audit log", found=f"not checked: {error.message}")
    if chain["intact"]:
        return Finding(what="audit log", found=f"{chain['rows']} rows, intact", fine=True)
    return Finding(what="audit log", found=f"broken at row {chain['brokenAt']}", fine=False)


def _mark(finding: Finding) -> Text:
    if finding.fine is None:
        return Text("·", style="dim")
    return Text("✓", style="green") if finding.fine else Text("✗", style="red")
