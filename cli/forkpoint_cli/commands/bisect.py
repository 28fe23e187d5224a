"""`forkpoint bisect A B -- CMD`: which difference made the other outcome, shown by replays."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import cast

import click
from forkpoint.diff.counterfactual import Root
from forkpoint.diff.verified import to_json
from forkpoint.diff.verify import VERIFIED, Verification, verify
from rich.text import Text

from forkpoint_cli.bisecting import SERVED, Compared, HostReplays
from forkpoint_cli.errors import DIFFERENT, OK, CliError
from forkpoint_cli.forks import read_policy_file
from forkpoint_cli.session import Session, json_option, pass_session
from forkpoint_cli.sources import open_source

STOPPED = {
    "baseline_unproven": "replayed exact, B is not identical to its recording: nothing is proved",
    "not_in_roots": "with every root reverted B still does not come to A's outcome: the cause was "
    "not captured, or the policy does not let the program go on",
    "budget": "the budget is spent",
}
STYLES = {"verified": "bold green", "refuted": "dim", "undetermined": "yellow"}


@click.command()
@click.argument("a", metavar="A")
@click.argument("b", metavar="B")
@click.argument("command", nargs=-1, type=click.UNPROCESSED, required=True)
@click.option(
    "--policy",
    "policy_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="What may happen behind the first difference; without it nothing is called.",
)
@click.option(
    "--expect",
    "expect_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="JSON: pointer into the output -> value; what makes an outcome good.",
)
@click.option("--samples", type=click.IntRange(1, 100), default=20, help="At most so many an arm.")
@click.option("--sessions", type=click.IntRange(3), default=200, help="At most so many replays.")
@click.option("--allow-writes", is_flag=True, help="Live calls of writing tools may happen.")
@click.option("--yes", is_flag=True, help="Do not ask before it starts.")
@json_option
@pass_session
def bisect(
    session: Session,
    a: str,
    b: str,
    command: tuple[str, ...],
    policy_file: Path | None,
    expect_file: Path | None,
    samples: int,
    sessions: int,
    allow_writes: bool,
    yes: bool,
    as_json: bool,
) -> int:
    """Replay B with one root after the other set back to A's value.

    The outcome is the status of the runs if it differs, else their output, or what --expect says.
    Exits with 0 when a cause is verified, 1 when none is, 2 on trouble.
    """
    compared = Compared(open_source(session, a), open_source(session, b))
    roots = compared.roots()
    usable = {root.row: root for root in roots if root.edits}
    if not usable:
        raise CliError("these runs have no root that can be reverted", hint="forkpoint diff A B")
    _plan(session, roots, usable, samples=samples, sessions=sessions)
    if not yes and not as_json:
        click.confirm("start?", abort=True, err=True)
    replays = HostReplays(
        session=session,
        compared=compared,
        roots=usable,
        command=command,
        policy=read_policy_file(policy_file) if policy_file else SERVED,
        expect=_read_expectations(expect_file) if expect_file else None,
        grants=("replay:effects",) if allow_writes else (),
        most=sessions,
    )
    found = verify(list(usable), replays, most_samples=samples)
    if as_json:
        session.output.json(to_json(found, roots))
    else:
        _show(session, found, roots)
    proved = VERIFIED in found.words.values() or len(found.joint) > 0
    return OK if proved else DIFFERENT


def _read_expectations(path: Path) -> Mapping[str, object]:
    try:
        value = json.loads(path.read_text())
    except json.JSONDecodeError as error:
        raise CliError(f"{path} holds no JSON: {error}") from None
    if not isinstance(value, dict):
        raise CliError(f"{path}: expectations are an object of pointers and values")
    return cast("Mapping[str, object]", value)


def _plan(
    session: Session,
    roots: list[Root],
    usable: Mapping[int, Root],
    *,
    samples: int,
    sessions: int,
) -> None:
    least = 4 + len(usable)
    most = min(sessions, 2 + samples * (2 + len(usable)))
    session.output.remark(
        f"{len(roots)} roots, {len(usable)} can be reverted; {least} to {most} replays"
    )


def _show(session: Session, found: Verification, roots: list[Root]) -> None:
    output = session.output
    if found.stopped:
        output.say(Text(found.stopped, style="bold red"), f"  {STOPPED[found.stopped]}")
    for root in roots:
        word = found.words.get(root.row, "not_revertible")
        line = Text(f"{word:<14}", style=STYLES.get(word, "dim"))
        arm = found.arms.get(root.row)
        line.append(f"{root.key}  {root.name}", style="")
        if arm is not None:
            line.append(f"  revert {_rate(found, arm.to_json(found.z))}", style="dim")
            line.append(f"  keep {_rate(found, found.keep.to_json(found.z))}", style="dim")
        output.say(line)
    if found.joint:
        keys = {root.row: root.key for root in roots}
        output.say(
            Text("joint cause   ", style="bold green"), ", ".join(keys[at] for at in found.joint)
        )
    if found.needed:
        output.remark(f"about {found.needed} samples an arm would decide")
    spent = found.spent
    output.remark(
        f"{found.sessions} replays, {spent['calls']} live calls, {spent['tokens']} tokens, "
        f"${spent['costMicros'] / 1e6:.4f}"
    )


def _rate(found: Verification, arm: Mapping[str, object]) -> str:
    interval = cast("list[float] | None", arm.get("interval"))
    ends = f" ({interval[0]:.0%}-{interval[1]:.0%})" if interval else ""
    return f"{arm['hits']}/{arm['n']}{ends}"
