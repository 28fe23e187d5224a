"""`forkpoint bundle`: one file with everything a replay needs, offline."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import click
import msgspec
from forkpoint.bundle import read_bundle, write_bundle
from forkpoint.bundle.signing import (
    PUBLIC_SUFFIX,
    check_signature,
    make_keys,
    read_public,
    read_secret,
    sign,
    signed_comment,
)
from forkpoint.events.model import StepEnded, StepStarted
from forkpoint.replay.policy import read_policy
from rich.text import Text

from forkpoint_cli.figures import duration, moment, size
from forkpoint_cli.forks import read_policy_file
from forkpoint_cli.names import resolve_run
from forkpoint_cli.output import Output, styled_status
from forkpoint_cli.recordings import download
from forkpoint_cli.session import Session, json_option, pass_session
from forkpoint_cli.sources import open_bundle
from forkpoint_cli.verdicts import exit_code, print_report
from forkpoint_cli.verifying import verify_recording

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.group()
def bundle() -> None:
    """Make, sign, verify and look into bundles (.fpb)."""


@bundle.command()
@click.argument("run")
@click.argument("path", type=click.Path(dir_okay=False, path_type=Path), required=False)
@click.option("--policy", "policy_file", type=_FILE, help="Policy its replays have, JSON or YAML.")
@click.option("--sign", "key_file", type=_FILE, help="Secret key; the signature is PATH.minisig.")
@json_option
@pass_session
def create(
    session: Session,
    run: str,
    path: Path | None,
    policy_file: Path | None,
    key_file: Path | None,
    as_json: bool,
) -> None:
    """Write RUN to PATH; by default to its id with .fpb."""
    key = read_secret(key_file) if key_file else None
    policy = read_policy_file(policy_file) if policy_file else None
    if policy is not None:
        read_policy(policy)
    found = resolve_run(session.service, run)
    target = path or Path(f"{found}.fpb")
    recorded = download(session.service, found)
    manifest = write_bundle(
        target, recorded.start, recorded.end, recorded.events, recorded.blocks, policy=policy
    )
    signature = sign(target, key, comment=signed_comment(manifest)) if key else None
    if as_json:
        made = {"path": str(target), "id": manifest.id, "run": found}
        session.output.json(made | ({"signature": str(signature)} if signature else {}))
        return
    weight = size(target.stat().st_size)
    session.output.say(f"{target}  {manifest.counts.events} events, {weight}")
    session.output.say(Text(f"id {manifest.id}", style="dim"))
    if signature:
        session.output.say(Text(f"signed: {signature}", style="dim"))


@bundle.command()
@click.argument("path", type=click.Path(dir_okay=False, path_type=Path))
@pass_session
def keygen(session: Session, path: Path) -> None:
    """Make a pair of keys: PATH signs and stays secret, PATH.pub is for those who verify."""
    public = make_keys(path)
    session.output.say(f"{path} (secret) and {path}{PUBLIC_SUFFIX}, key {public.name}")


@bundle.command()
@click.argument("path", type=_FILE)
@click.option("--key", "key_file", type=_FILE, help="Public key whose signature it must have.")
@json_option
@pass_session
def verify(session: Session, path: Path, key_file: Path | None, as_json: bool) -> None:
    """Check every byte of a bundle, and that its payloads rebuild to their digests."""
    if key_file is not None:
        check_signature(path, read_public(key_file))
    report = verify_recording(open_bundle(path))
    if as_json:
        session.output.json(report)
    else:
        print_report(session.output, report)
    raise SystemExit(exit_code(report))


@bundle.command()
@click.argument("path", type=_FILE)
@json_option
@pass_session
def inspect(session: Session, path: Path, as_json: bool) -> None:
    """What a bundle holds, without trusting it: it is verified first."""
    with read_bundle(path) as opened:
        manifest = opened.manifest
        events = opened.events
    if as_json:
        session.output.json(msgspec.to_builtins(manifest))
        return
    start, end = opened.start, opened.end
    status = end.status.value if end else "interrupted"
    session.output.say(Text(start.name, style="bold"), "  ", styled_status(status))
    _line(session.output, "run", start.run_id)
    _line(session.output, "started", moment(start.started_ns))
    _line(session.output, "took", duration(end.ended_ns - start.started_ns if end else None))
    kinds = Counter(event.kind.value for _, event in events if isinstance(event, StepStarted))
    steps = ", ".join(f"{number} {kind}" for kind, number in kinds.most_common())
    _line(session.output, "steps", f"{kinds.total()}: {steps}")
    failed = sum(isinstance(event, StepEnded) and event.status == "error" for _, event in events)
    _line(session.output, "errors", str(failed))
    blocks = f"{manifest.counts.blocks}, {size(manifest.counts.block_bytes)}"
    _line(session.output, "blocks", blocks)
    _line(session.output, "bundle id", manifest.id)


def _line(output: Output, label: str, value: str) -> None:
    output.say(Text(f"  {label:<10} ", style="dim"), value)
