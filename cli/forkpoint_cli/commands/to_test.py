"""`forkpoint to-test`: a pytest test of a run and the bundle it replays."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import click
from forkpoint.bundle import write_bundle
from forkpoint.events.kinds import RunStatus
from forkpoint.events.model import StepStarted
from forkpoint.testing.expectations import found_at, written
from forkpoint.testing.made import UNREADABLE, Made
from rich.text import Text

from forkpoint_cli.errors import DIFFERENT, CliError
from forkpoint_cli.figures import day
from forkpoint_cli.programs import Program, program_of
from forkpoint_cli.recordings import Recorded
from forkpoint_cli.replaying import Asked, replay_program
from forkpoint_cli.session import Session, json_option, pass_session
from forkpoint_cli.sources import Opened, open_source
from forkpoint_cli.spools import NoUpload
from forkpoint_cli.testwriting import TestCase, module_text, slug
from forkpoint_cli.verdicts import exit_code, print_report

EXPECTED_BYTES = 4_096
"""An output of more than this is no expectation unless it is asked for."""


class NoBaseline(CliError):
    """Replayed as it is, the run does not come out identical: a test of it would fail at once."""

    def __init__(self, why: str, *, status: int = DIFFERENT) -> None:
        super().__init__(f"no test was written: {why}")
        self.exit_code = status


@dataclass(frozen=True, slots=True, kw_only=True)
class _Target:
    """Where the two files go."""

    module: Path
    bundle: Path

    @classmethod
    def below(cls, folder: Path, name: str) -> _Target:
        return cls(module=folder / f"test_{name}.py", bundle=folder / "runs" / f"{name}.fpb")


@click.command(name="to-test")
@click.argument("source", metavar="RUN|BUNDLE")
@click.argument("command", nargs=-1, type=click.UNPROCESSED)
@click.option("--entry", help="Python function to run, module:function, instead of a command.")
@click.option(
    "--to",
    "folder",
    default="tests",
    show_default=True,
    help="Folder of the test.",
    type=click.Path(file_okay=False, path_type=Path),
)
@click.option("--name", help="Name of the test; by default that of the run.")
@click.option("--expect", "expects", multiple=True, help="POINTER=JSON, e.g. /calls/pay=null.")
@click.option("--force", is_flag=True, help="Replace files that are there.")
@json_option
@pass_session
def to_test(
    session: Session,
    source: str,
    command: tuple[str, ...],
    entry: str | None,
    folder: Path,
    name: str | None,
    expects: tuple[str, ...],
    force: bool,
    as_json: bool,
) -> None:
    """Write a pytest test of RUN and its bundle, once a replay has shown it to be repeatable.

    The program comes after `--`, or is named by --entry. Exit status: 0 written, 1 its replay is
    not identical or the run is tainted, 2 trouble, 125 not comparable.
    """
    program = program_of(command, entry)
    if program is None:
        raise CliError("to-test needs the program: a command after `--`, or --entry")
    opened = open_source(session, source)
    chosen = slug(name or opened.recorded.start.name)
    target = _Target.below(folder, chosen)
    _check_free(target, force=force)
    _check_untainted(opened.recorded)
    _check_baseline(session, opened, program, quiet=as_json)
    expected = _expected(opened, expects)
    manifest_id = _write(target, opened, program, chosen, expected)
    if as_json:
        made = {"test": str(target.module), "bundle": str(target.bundle), "id": manifest_id}
        session.output.json({**made, "expect": expected})
        return
    session.output.say(Text("identical ", style="green"), "replayed before it was written")
    session.output.say(f"{target.module}\n{target.bundle}")
    session.output.say(Text(f"run it: pytest {target.module}", style="dim"))


def _check_free(target: _Target, *, force: bool) -> None:
    for path in (target.module, target.bundle):
        if path.exists() and not force:
            raise CliError(f"{path} is there already", hint="give --name, or --force to replace it")


def _check_untainted(recorded: Recorded) -> None:
    steps = (event for _, event in recorded.events if isinstance(event, StepStarted))
    for step in steps:
        if step.replay is not None and step.replay.taint:
            marks = ", ".join(step.replay.taint)
            raise NoBaseline(
                f"{step.key} rests on answers that did not happen in one run ({marks});"
                " take a recorded run, or record the changed program anew"
            )
    if recorded.end is None or recorded.end.status is RunStatus.INTERRUPTED:
        raise NoBaseline(f"run {recorded.start.run_id} never ended: its outcome is not known")


def _check_baseline(session: Session, opened: Opened, program: Program, *, quiet: bool) -> None:
    """Replay it exactly as it is, here."""
    with Path(os.devnull).open("w") as nowhere:
        asked = Asked(stdout=nowhere, upload=NoUpload)
        report = replay_program(session, opened, asked, program).report
    if report.get("verdict") == "identical":
        return
    if not quiet:
        print_report(session.output, report)
    failed = cast("Mapping[str, object]", report.get("failedStep") or {})
    reason = failed.get("reason") or report.get("verdict") or "failed"
    where = f" at {failed['key']}" if failed.get("key") else ""
    raise NoBaseline(
        f"replayed without any change the run is not identical: {reason}{where}",
        status=exit_code(report) or DIFFERENT,
    )


def _expected(opened: Opened, given: Sequence[str]) -> dict[str, object]:
    """Status and a small output, and what was asked for."""
    recorded = opened.recorded
    outcome = Made(
        start=recorded.start, end=recorded.end, events=recorded.events, blocks=recorded.blocks
    ).outcome()
    expected: dict[str, object] = {"/status": outcome["status"]}
    output = outcome["output"]
    if output != UNREADABLE and len(json.dumps(output, default=repr)) <= EXPECTED_BYTES:
        expected["/output"] = output
    for one in given:
        pointer, equals, text = one.partition("=")
        if not pointer.startswith("/"):
            raise CliError(f"--expect is POINTER or POINTER=JSON, not {one!r}")
        expected[pointer] = _json(text) if equals else found_at(outcome, pointer)
    return expected


def _json(text: str) -> object:
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text


def _write(
    target: _Target, opened: Opened, program: Program, name: str, expected: Mapping[str, object]
) -> str:
    recorded = opened.recorded
    target.bundle.parent.mkdir(parents=True, exist_ok=True)
    manifest = write_bundle(
        target.bundle,
        recorded.start,
        recorded.end,
        recorded.events,
        recorded.blocks,
        policy=opened.policy,
        expect=written(expected),
    )
    case = TestCase(
        name=name,
        bundle=f"runs/{target.bundle.name}",
        run=recorded.start.run_id,
        recorded=day(recorded.start.started_ns),
        program=program,
    )
    target.module.write_text(module_text(case))
    return manifest.id
