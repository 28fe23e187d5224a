"""`forkpoint bisect A B [-- CMD]`: which difference made the other outcome, shown by replays."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import click
from forkpoint.diff.budget import Limits
from forkpoint.diff.verified import to_json, used
from forkpoint.diff.verify import verify

from forkpoint_cli.bisecting import SERVED, Compared, HostReplays
from forkpoint_cli.causes import is_proved, show_limits, show_plan, show_verification
from forkpoint_cli.errors import DIFFERENT, OK, CliError
from forkpoint_cli.forks import read_policy_file
from forkpoint_cli.names import resolve_run
from forkpoint_cli.session import Session, json_option, pass_session
from forkpoint_cli.sources import open_source
from forkpoint_cli.verifications import plan, verified

Fields = Mapping[str, object]
FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is to be verified, whoever replays."""

    a: str
    b: str
    policy: Fields | None
    expect: Fields | None
    samples: int
    apply: bool
    limits: Limits


@click.command()
@click.argument("a", metavar="A")
@click.argument("b", metavar="B")
@click.argument("command", nargs=-1, type=click.UNPROCESSED)
@click.option("--entry", metavar="NAME", help="Replayed by a runner with this entry point.")
@click.option(
    "--policy",
    "policy_file",
    type=FILE,
    help="What may happen behind the first difference; without it nothing is called.",
)
@click.option(
    "--expect",
    "expect_file",
    type=FILE,
    help="JSON: pointer into the output -> value; what makes an outcome good.",
)
@click.option("--apply", is_flag=True, help="Also give A each root's value of B.")
@click.option("--samples", type=click.IntRange(1, 100), default=20, help="At most so many an arm.")
@click.option("--sessions", type=click.IntRange(3), default=200, help="At most so many replays.")
@click.option("--calls", type=click.IntRange(0), help="At most so many live calls of all replays.")
@click.option("--tokens", type=click.IntRange(0), help="At most so many tokens of them.")
@click.option("--usd", type=click.FloatRange(0), help="At most so many dollars for them.")
@click.option("--wall", type=click.IntRange(1), help="No replay begins after so many seconds.")
@click.option("--allow-writes", is_flag=True, help="Live calls of writing tools may happen.")
@click.option("--yes", is_flag=True, help="Do not ask before it starts.")
@json_option
@pass_session
def bisect(
    session: Session,
    a: str,
    b: str,
    command: tuple[str, ...],
    entry: str | None,
    policy_file: Path | None,
    expect_file: Path | None,
    apply: bool,
    samples: int,
    sessions: int,
    calls: int | None,
    tokens: int | None,
    usd: float | None,
    wall: int | None,
    allow_writes: bool,
    yes: bool,
    as_json: bool,
) -> int:
    """Replay B with one root after the other set back to A's value.

    The program is run here after --, by a runner with --entry; without either a worker goes on
    with the recording, if it is a standard tool-calling loop.

    The outcome is the status of the runs if it differs, else their output, or what --expect says.
    Exits with 0 when a cause is verified, 1 when none is, 2 on trouble.
    """
    if command and entry:
        raise click.UsageError("give a command or --entry, not both")
    wanted = Wanted(
        a=a,
        b=b,
        policy=read_policy_file(policy_file) if policy_file else None,
        expect=_read_expectations(expect_file) if expect_file else None,
        samples=samples,
        apply=apply,
        limits=Limits(
            sessions=sessions,
            calls=calls,
            tokens=tokens,
            cost_micro_usd=None if usd is None else round(usd * 1e6),
            wall_s=wall,
        ),
    )
    ask = not yes and not as_json
    if command:
        grants = ("replay:effects",) if allow_writes else ()
        report = _here(session, wanted, command, grants, ask=ask)
    else:
        report = _there(session, wanted, entry, ask=ask)
    if as_json:
        session.output.json(report)
    else:
        show_verification(session.output, report, wanted.limits)
    return OK if is_proved(report) else DIFFERENT


def _here(
    session: Session,
    wanted: Wanted,
    command: tuple[str, ...],
    grants: tuple[str, ...],
    *,
    ask: bool,
) -> Fields:
    """By running the command."""
    compared = Compared(open_source(session, wanted.a), open_source(session, wanted.b))
    if not compared.comparison.outcome.differs and wanted.expect is None:
        raise CliError("the runs came to the same outcome: there is no cause")
    roots = compared.roots()
    usable = {root.row: root for root in roots if root.edits}
    if not usable:
        raise CliError("these runs have no root that can be reverted", hint="forkpoint diff A B")
    applies = [row for row, root in usable.items() if wanted.apply and root.applies]
    arms = len(usable) + len(applies)
    most = min(wanted.limits.sessions, 2 + wanted.samples * (2 + arms))
    show_plan(session.output, roots=len(roots), usable=len(usable), least=4 + arms, most=most)
    _confirm(session, wanted, ask=ask)
    replays = HostReplays(
        session=session,
        compared=compared,
        roots=usable,
        command=command,
        policy=wanted.policy or SERVED,
        expect=wanted.expect,
        grants=grants,
        limits=wanted.limits,
    )
    found = verify(list(usable), replays, most_samples=wanted.samples, applies=applies)
    return {**to_json(found, roots), **used(replays.spent)}


def _there(session: Session, wanted: Wanted, entry: str | None, *, ask: bool) -> Fields:
    """By the service: a runner's entry point, or a worker that goes on with a proven loop."""
    limits = wanted.limits
    given = {"policy": wanted.policy, "expect": wanted.expect, "entrypoint": entry}
    budget = {
        "sessions": limits.sessions,
        "calls": limits.calls,
        "tokens": None if limits.tokens is None else str(limits.tokens),
        "costUsd": None if limits.cost_micro_usd is None else limits.cost_micro_usd / 1e6,
        "wallS": limits.wall_s,
    }
    asked: Fields = {
        "a": resolve_run(session.service, wanted.a),
        "b": resolve_run(session.service, wanted.b),
        "samples": wanted.samples,
        "apply": wanted.apply,
        "budget": {name: value for name, value in budget.items() if value is not None},
        **{name: value for name, value in given.items() if value is not None},
        **({} if entry else {"executor": "LOOP"}),
    }
    planned = plan(session, asked)
    roots = cast("list[Fields]", planned["roots"])
    show_plan(
        session.output,
        roots=len(roots),
        usable=sum(bool(root["edits"]) for root in roots),
        least=cast("int", planned["least"]),
        most=cast("int", planned["most"]),
    )
    if waits := cast("Fields", planned["replay"])["waits"]:
        session.output.remark(f"it will wait: {waits}")
    _confirm(session, wanted, ask=ask)
    return verified(session, asked)


def _confirm(session: Session, wanted: Wanted, *, ask: bool) -> None:
    show_limits(session.output, wanted.limits)
    if ask:
        click.confirm("start?", abort=True, err=True)


def _read_expectations(path: Path) -> Fields:
    try:
        value = json.loads(path.read_text())
    except json.JSONDecodeError as error:
        raise CliError(f"{path} holds no JSON: {error}") from None
    if not isinstance(value, dict):
        raise CliError(f"{path}: expectations are an object of pointers and values")
    return cast("Fields", value)
