"""`forkpoint replay`: run a program again on its recording, or fork it there."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

import click
from forkpoint.bundle.signing import check_signature, read_public
from rich.text import Text

from forkpoint_cli.commands.replay_many import Many, replay_many
from forkpoint_cli.errors import CliError
from forkpoint_cli.forks import MODES, read_edits, read_policy_file, with_mode
from forkpoint_cli.programs import program_of
from forkpoint_cli.replaying import Asked, replay_program
from forkpoint_cli.session import Session, json_option, pass_session
from forkpoint_cli.sources import open_source
from forkpoint_cli.verdicts import exit_code, print_report
from forkpoint_cli.verifying import verify_recording


@click.command(context_settings={"ignore_unknown_options": False})
@click.argument("source", metavar="RUN|BUNDLE", required=False)
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
@click.option(
    "--runs",
    "filter_line",
    metavar="FILTER",
    help='All recorded runs that fit, e.g. "tag:nightly since:7d".',
)
@click.option(
    "--most",
    default=1000,
    show_default=True,
    type=click.IntRange(1, 100_000),
    help="With --runs: the newest so many.",
)
@click.option(
    "--noise",
    default=0,
    type=click.IntRange(0, 100),
    metavar="N",
    help="With --runs: replay each N times more; how often does it disagree with itself?",
)
@click.option(
    "--jobs",
    default=2,
    show_default=True,
    type=click.IntRange(1, 64),
    help="With --runs: replays at once.",
)
@click.option(
    "--junit",
    type=click.Path(dir_okay=False, path_type=Path),
    help="With --runs: write the verdicts as JUnit XML.",
)
@json_option
@pass_session
def replay(
    session: Session,
    source: str | None,
    command: tuple[str, ...],
    mode: str | None,
    policy_file: Path | None,
    at: tuple[str, ...],
    edits: tuple[str, ...],
    key_file: Path | None,
    entry: str | None,
    allow_writes: bool,
    filter_line: str | None,
    most: int,
    noise: int,
    jobs: int,
    junit: Path | None,
    as_json: bool,
) -> None:
    """Replay RUN or BUNDLE with the program after `--`; without one, verify what is recorded.

    With --at and --edit the replay is a fork. With --runs many runs are replayed; {run}, {name},
    {attributes.KEY} and {tags.KEY} in the command are those of each. Exit status: 0 identical or
    forked, 1 diverged, 2 trouble, 125 not comparable.
    """
    if filter_line is not None:
        many = Many(filter=filter_line, most=most, noise=noise, jobs=jobs, junit=junit)
        words = command if source is None else (source, *command)
        if at or edits or key_file:
            raise CliError("--runs replays runs as they are: no --at, --edit or --key")
        asked = Asked(
            policy=_policy(policy_file, mode, None),
            grants=("replay:effects",) if allow_writes else (),
        )
        program = program_of(words, entry)
        raise SystemExit(replay_many(session, many, asked, program, as_json=as_json))
    if source is None:
        raise CliError("replay needs a RUN or BUNDLE, or --runs FILTER")
    if key_file is not None:
        check_signature(Path(source), read_public(key_file))
    opened = open_source(session, source)
    asked = Asked(
        policy=_policy(policy_file, mode, opened.policy),
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


def _policy(
    path: Path | None, mode: str | None, brought: Mapping[str, object] | None
) -> Mapping[str, object] | None:
    policy = read_policy_file(path) if path else brought
    return with_mode(policy, mode) if mode else policy


def _print(session: Session, report: Mapping[str, object], *, as_json: bool) -> None:
    if as_json:
        session.output.json(report)
    else:
        print_report(session.output, report)
    raise SystemExit(exit_code(report))
