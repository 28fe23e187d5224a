"""`forkpoint replay`: run a program again on its recording, or fork it there."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

import click
from forkpoint.bundle.signing import check_signature, read_public
from rich.text import Text

from forkpoint_cli.forks import MODES, read_edits, read_policy_file, with_mode
from forkpoint_cli.programs import program_of
from forkpoint_cli.replaying import Asked, replay_program
from forkpoint_cli.session import Session, json_option, pass_session
from forkpoint_cli.sources import open_source
from forkpoint_cli.verdicts import exit_code, print_report
from forkpoint_cli.verifying import verify_recording


@click.command(context_settings={"ignore_unknown_options": False})
@click.argument("source", metavar="RUN|BUNDLE")
@click.argument("command", nargs=-1, type=click.UNPROCESSED)
@click.option("--mode", type=click.Choice(MODES), help="Default mode; without a policy: exact.")
@click.option(
    "--policy",
    "policy_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Rules in JSON or YAML.",
)
@click.option("--at", multiple=True, help="Step to fork at: a number or a call key.")
@click.option("--edit", "edits", multiple=True, help="What is different there: output=@f.json, ...")
@click.option(
    "--key",
    "key_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Public key by which BUNDLE must be signed.",
)
@click.option("--entry", help="Python function to run, module:function, instead of a command.")
@click.option("--allow-writes", is_flag=True, help="Live calls of writing tools may happen.")
@json_option
@pass_session
def replay(
    session: Session,
    source: str,
    command: tuple[str, ...],
    mode: str | None,
    policy_file: Path | None,
    at: tuple[str, ...],
    edits: tuple[str, ...],
    key_file: Path | None,
    entry: str | None,
    allow_writes: bool,
    as_json: bool,
) -> None:
    """Replay RUN or BUNDLE with the program after `--`; without one, verify what is recorded.

    With --at and --edit the replay is a fork. Exit status: 0 identical or forked, 1 diverged,
    2 trouble, 125 not comparable.
    """
    if key_file is not None:
        check_signature(Path(source), read_public(key_file))
    opened = open_source(session, source)
    policy = read_policy_file(policy_file) if policy_file else opened.policy
    asked = Asked(
        policy=with_mode(policy, mode) if mode else policy,
        edits=tuple(read_edits(at, edits)),
        at=at[0] if at else None,
        grants=("replay:effects",) if allow_writes else (),
        stdout=sys.stderr if as_json else None,
    )
    program = program_of(command, entry)
    if program is None:
        _print(session, verify_recording(opened), as_json=as_json)
        return
    done = replay_program(session, opened, asked, program)
    if done.uploaded:
        url = session.settings.run_url(done.run)
        session.output.remark(Text("run       ", style="dim"), Text(url, style="cyan"))
    else:
        session.output.remark(Text("the run is kept here until the service answers", "yellow"))
    _print(session, done.report, as_json=as_json)


def _print(session: Session, report: Mapping[str, object], *, as_json: bool) -> None:
    if as_json:
        session.output.json(report)
    else:
        print_report(session.output, report)
    raise SystemExit(exit_code(report))
