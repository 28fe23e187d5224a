"""`forkpoint import FORMAT FILE...`: recordings of other tools as runs."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path

import click
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from forkpoint_cli.errors import CliError
from forkpoint_cli.importers.agentdojo import import_log
from forkpoint_cli.importers.agentdojo_log import LogFormatError
from forkpoint_cli.importers.files import found_files
from forkpoint_cli.importers.otlp import send_files
from forkpoint_cli.importers.tape import ImportedRun, Importer
from forkpoint_cli.importers.tau import import_trajectory
from forkpoint_cli.importers.tau_log import TrajectoryFormatError
from forkpoint_cli.redaction import our_redactor
from forkpoint_cli.session import Session, json_option, pass_session
from forkpoint_cli.upload import Totals, upload_files

Read = Callable[[bytes, Importer], ImportedRun]

READERS: Mapping[str, Read] = {"agentdojo": import_log, "tau": import_trajectory}
FORMATS = (*READERS, "otlp")


@click.command(name="import")
@click.argument("form", metavar="FORMAT", type=click.Choice(FORMATS))
@click.argument("paths", nargs=-1, required=True)
@json_option
@pass_session
def import_runs(session: Session, form: str, paths: tuple[str, ...], as_json: bool) -> None:
    """Import FILEs, directories or globs; importing one again changes nothing.

    FORMAT is agentdojo (run logs), tau (trajectories of tau-bench) or otlp (exports of
    OpenTelemetry: JSON lines or protobuf).
    """
    files = found_files(paths, suffix=".json")
    if not files:
        raise CliError(f"no .json file in {', '.join(paths)}")
    if form == "otlp":
        _import_otlp(session, files, as_json=as_json)
        return
    totals = import_with_bar(session, files, form=form)
    if as_json:
        session.output.json(totals.facts())
        return
    known = f", {totals.known} known already" if totals.known else ""
    session.output.say(
        f"imported {totals.runs} runs: {totals.steps} steps, {totals.errors} errors{known}"
    )


def import_with_bar(session: Session, files: Sequence[Path], *, form: str = "agentdojo") -> Totals:
    """Upload files while a bar on stderr shows how far it is."""
    with _bar(session, len(files)) as advance:
        return upload_files(session.service, files, _reader(session, form), advance=advance)


def _import_otlp(session: Session, files: Sequence[Path], *, as_json: bool) -> None:
    """Send exports to the service's own door; a worker reads them, a trace becomes a run."""
    with _bar(session, len(files)) as advance:
        sent = send_files(session.settings, files, advance=advance)
    if as_json:
        session.output.json(asdict(sent))
        return
    refused = f", {sent.rejected} spans or records refused" if sent.rejected else ""
    session.output.say(f"sent {sent.requests} export requests{refused}")


@contextmanager
def _bar(session: Session, files: int) -> Generator[Callable[[], None]]:
    columns = (
        TextColumn("importing"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=session.output.remarks, transient=True) as progress:
        bar = progress.add_task("importing", total=files)
        yield lambda: progress.advance(bar)


def _reader(session: Session, form: str) -> Callable[[Path], ImportedRun]:
    """Reads a log with everything masked that a recorder of this data directory would mask."""
    redactor = our_redactor(session.settings)
    importer = Importer(
        name=f"forkpoint-cli/{version('forkpoint-cli')}",
        redact=redactor.redact,
        ruleset_id=redactor.ruleset_id,
        redaction_key_id=redactor.key_id,
    )

    def read(path: Path) -> ImportedRun:
        try:
            return READERS[form](path.read_bytes(), importer)
        except (LogFormatError, TrajectoryFormatError) as error:
            raise type(error)(f"{path}: {error.message}") from None

    return read
