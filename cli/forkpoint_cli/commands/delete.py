"""`forkpoint runs delete`: remove runs for good, after showing what would go."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import click
from forkpoint.bundle import write_bundle
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from forkpoint_cli.errors import CliError
from forkpoint_cli.figures import moment, size
from forkpoint_cli.names import resolve_run
from forkpoint_cli.output import Column, styled_status
from forkpoint_cli.recordings import download
from forkpoint_cli.session import Session, json_option, pass_session

Fields = Mapping[str, object]
AT_A_TIME = 100
"""Runs of one deletion; the service takes at most 500."""
_PAGE = 200
_SHOWN = 20
_AGE = re.compile(r"(\d{1,6})([smhdw])")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_FOUND = """
query ($first: Int!, $after: String, $filter: RunFilter) {
  runs(first: $first, after: $after, filter: $filter) {
    pageInfo { hasNextPage endCursor } nodes { id name status startedNs stepCount head }
  }
}
"""
_DELETE = """
mutation ($input: DeleteRunsInput!) {
  deleteRuns(input: $input) { runs steps storedBytes runIds }
}
"""
_COLUMNS = (
    Column(title="run", style="dim"),
    Column(title="name", width=48, gives=True),
    Column(title="status"),
    Column(title="started"),
    Column(title="steps", right=True),
    Column(title="events", right=True),
)


@dataclass(slots=True, kw_only=True)
class Tally:
    """What a deletion took, or would take; `bytes` as stored, blocks shared with others too."""

    runs: int = 0
    steps: int = 0
    bytes: int = 0

    def add(self, answer: Fields) -> None:
        """Count one answer of the service."""
        self.runs += int(cast("int", answer["runs"]))
        self.steps += int(cast("str", answer["steps"]))
        self.bytes += int(cast("str", answer["storedBytes"]))

    def words(self) -> str:
        """`3 runs, 63 steps, 120.4 kB`."""
        return f"{self.runs} runs, {self.steps} steps, {size(self.bytes)}"


@click.command()
@click.argument("run", nargs=-1)
@click.option("--older-than", help="Runs that started so long ago: 30d, 12h, 4w.")
@click.option("--keep", type=click.IntRange(0), help="Of those, not the newest N.")
@click.option("--name", help="Exactly this name.")
@click.option(
    "--export",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    help="Write a bundle of each run into this directory first.",
)
@click.option("--dry-run", is_flag=True, help="Only say what would go.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
@pass_session
def delete(
    session: Session,
    run: tuple[str, ...],
    older_than: str | None,
    keep: int | None,
    name: str | None,
    folder: Path | None,
    dry_run: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Delete finished runs with all they hold; there is no way back. Running ones are left."""
    filters = (older_than, keep, name)
    if bool(run) == any(one is not None for one in filters):
        raise click.UsageError("name runs, or say --older-than, --keep or --name")
    if as_json and not (yes or dry_run):
        raise click.UsageError("--json asks nothing: add --yes or --dry-run")
    found = _named(session, run) if run else _matching(session, older_than, keep or 0, name)
    over = [one for one in found if one["status"] != "RUNNING"]
    would, doomed = _ask(session, [str(one["id"]) for one in over], dry_run=True)
    if not as_json:
        _show(session, [one for one in over if one["id"] in doomed], would)
        if len(found) > len(doomed):
            session.output.remark(f"{len(found) - len(doomed)} still running: left alone")
    gone = Tally()
    if doomed and not dry_run:
        if not yes:
            click.confirm("Delete them for good?", abort=True, err=True)
        _export(session, doomed, folder)
        gone, _ = _ask(session, doomed, dry_run=False)
    _conclude(session, would if dry_run else gone, len(found) - len(doomed), dry_run, as_json)


def _conclude(session: Session, tally: Tally, left: int, dry: bool, as_json: bool) -> None:
    if as_json:
        figures = {"runs": tally.runs, "steps": tally.steps, "storedBytes": tally.bytes}
        session.output.json({"dryRun": dry, **figures, "running": left})
    elif not dry:
        session.output.say(f"deleted {tally.words()}")


def _named(session: Session, given: Sequence[str]) -> list[Fields]:
    ids = list(dict.fromkeys(resolve_run(session.service, one) for one in given))
    return list(_pages(session, {"ids": ids}))


def _matching(
    session: Session, older_than: str | None, keep: int, name: str | None
) -> list[Fields]:
    """Runs that the options mean; `keep` counts newest first among those of the same name."""
    found = list(_pages(session, {"name": name} if name is not None else None))[keep:]
    if older_than is None:
        return found
    before = time.time_ns() - _age_ns(older_than)
    return [one for one in found if int(cast("str", one["startedNs"])) < before]


def _age_ns(text: str) -> int:
    match = _AGE.fullmatch(text)
    if match is None:
        raise CliError(f"no age: {text}", hint="write 30d, 12h or 4w")
    return int(match[1]) * _SECONDS[match[2]] * 10**9


def _pages(session: Session, chosen: Fields | None) -> Iterator[Fields]:
    after: str | None = None
    while True:
        answer = session.service.ask(_FOUND, first=_PAGE, after=after, filter=chosen)
        page = cast("Fields", answer["runs"])
        yield from cast("Sequence[Fields]", page["nodes"])
        info = cast("Fields", page["pageInfo"])
        if not info["hasNextPage"]:
            return
        after = str(info["endCursor"])


def _show(session: Session, runs: Sequence[Fields], would: Tally) -> None:
    rows = [
        [
            str(one["id"])[:13],
            str(one["name"]),
            styled_status(str(one["status"])),
            moment(int(cast("str", one["startedNs"]))),
            str(one["stepCount"]),
            str(int(cast("str", one["head"])) + 1),
        ]
        for one in runs[:_SHOWN]
    ]
    if rows:
        session.output.table(_COLUMNS, rows)
    rest = f", {len(runs) - _SHOWN} of them not shown" if len(runs) > _SHOWN else ""
    session.output.say(f"to delete: {would.words()}{rest}")


def _ask(session: Session, ids: Sequence[str], *, dry_run: bool) -> tuple[Tally, list[str]]:
    """Delete in batches, or ask what that would take: the figures and the runs concerned."""
    tally, concerned = Tally(), list[str]()
    with _progress(session, shown=not dry_run) as progress:
        bar = progress.add_task("deleting", total=len(ids))
        for start in range(0, len(ids), AT_A_TIME):
            some = list(ids[start : start + AT_A_TIME])
            answer = session.service.ask(_DELETE, input={"runIds": some, "dryRun": dry_run})
            deleted = cast("Fields", answer["deleteRuns"])
            tally.add(deleted)
            concerned += cast("list[str]", deleted["runIds"])
            progress.advance(bar, len(some))
    return tally, concerned


def _export(session: Session, ids: Sequence[str], folder: Path | None) -> None:
    """Bundles of all of them; any failure ends the command before anything is deleted."""
    if folder is None:
        return
    folder.mkdir(parents=True, exist_ok=True)
    with _progress(session, shown=True) as progress:
        bar = progress.add_task("exporting", total=len(ids))
        for one in ids:
            kept = download(session.service, one)
            write_bundle(folder / f"{one}.fpb", kept.start, kept.end, kept.events, kept.blocks)
            progress.advance(bar)


def _progress(session: Session, *, shown: bool) -> Progress:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    console = session.output.remarks
    return Progress(*columns, console=console, transient=True, disable=not shown)
