"""`forkpoint runs export RUN`: the steps of a run as CSV or JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import cast

import click

from forkpoint_cli.names import resolve_run
from forkpoint_cli.session import Session, pass_session
from forkpoint_cli.text import cell, harmless

_COLUMNS = (
    "sequence",
    "key",
    "kind",
    "name",
    "status",
    "startNs",
    "durationNs",
    "model",
    "errorClass",
    "tokensIn",
    "tokensOut",
    "costMicroUsd",
)
_STEPS = f"""
query ($id: ID!, $first: Int!, $after: String) {{
  run(id: $id) {{
    steps(first: $first, after: $after) {{
      pageInfo {{ hasNextPage endCursor }} nodes {{ {" ".join(_COLUMNS)} }}
    }}
  }}
}}
"""
_PAGE = 200


@click.command()
@click.argument("run")
@click.option(
    "--format", "form", type=click.Choice(["csv", "json"]), default="csv", show_default=True
)
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Default: stdout.")
@pass_session
def export(session: Session, run: str, form: str, out: Path | None) -> None:
    """Write the steps of RUN, one a row; `bundle create` keeps everything else as well."""
    steps = list(_steps(session, resolve_run(session.service, run)))
    if form == "json":
        _write_json(session, steps, out)
        return
    lines = [",".join(map(cell, _COLUMNS))]
    lines += [",".join(cell(_plain(step[name])) for name in _COLUMNS) for step in steps]
    text = "\r\n".join(lines) + "\r\n"
    if out is None:
        click.echo(text, nl=False)
    else:
        out.write_bytes(text.encode())


def _plain(value: object) -> object:
    return harmless(value) if isinstance(value, str) else value


def _steps(session: Session, run: str) -> Iterator[Mapping[str, object]]:
    after: str | None = None
    while True:
        answer = session.service.ask(_STEPS, id=run, first=_PAGE, after=after)
        page = cast("Mapping[str, Mapping[str, object]]", answer["run"])["steps"]
        yield from cast("Sequence[Mapping[str, object]]", page["nodes"])
        info = cast("Mapping[str, object]", page["pageInfo"])
        if not info["hasNextPage"]:
            return
        after = str(info["endCursor"])


def _write_json(session: Session, steps: Sequence[Mapping[str, object]], out: Path | None) -> None:
    if out is None:
        session.output.json(steps)
    else:
        out.write_text(json.dumps(steps, indent=2) + "\n")
