"""`forkpoint runs list` and `forkpoint runs show`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

import click
from rich.text import Text

from forkpoint_cli.commands.delete import delete
from forkpoint_cli.commands.export import export
from forkpoint_cli.commands.tail import tail
from forkpoint_cli.figures import count, duration, moment, money
from forkpoint_cli.names import resolve_run
from forkpoint_cli.output import Column, styled_kind, styled_status
from forkpoint_cli.session import Session, json_option, pass_session
from forkpoint_cli.text import one_line

Fields = Mapping[str, object]
_RUN = """
  id name status health startedNs endedNs durationNs stepCount errorCount tokensIn tokensOut
  costMicroUsd tags verdict errorClass ordering identity
  origin { runId kind cutKey cutSide session }
"""
_LIST = f"""
query ($first: Int!, $after: String, $filter: RunFilter) {{
  runs(first: $first, after: $after, filter: $filter) {{
    totalCount pageInfo {{ hasNextPage endCursor }} nodes {{ {_RUN} }}
  }}
}}
"""
_STEP = """
  sequence stepId kind name status key depth startNs durationNs model effect errorClass finishReason
  tokensIn tokensOut costMicroUsd replay { mode match divergence }
"""
_SHOW = f"""
query ($id: ID!, $first: Int!, $after: String) {{
  run(id: $id) {{
    {_RUN}
    steps(first: $first, after: $after) {{
      totalCount pageInfo {{ hasNextPage endCursor }} nodes {{ {_STEP} }}
    }}
  }}
}}
"""
PAGE = 200
NAME_WIDTH = 48
SHORT_ID = 13
"""Characters of an id in tables: its time in ms, in the ids that recorders make."""


@click.group()
def runs() -> None:
    """List, read, follow and export runs."""


runs.add_command(tail)
runs.add_command(export)
runs.add_command(delete)


@runs.command(name="list")
@click.option("--first", default=30, show_default=True, type=click.IntRange(1, PAGE))
@click.option("--after", help="Cursor that the page before ended with.")
@click.option("--name", help="Exactly this name.")
@click.option("--text", help="Part of the name, the error class or the id.")
@click.option("--tag", help="Exactly this tag.")
@click.option("--status", type=click.Choice(["running", "ok", "error", "cancelled", "interrupted"]))
@json_option
@pass_session
def list_runs(
    session: Session,
    first: int,
    after: str | None,
    name: str | None,
    text: str | None,
    tag: str | None,
    status: str | None,
    as_json: bool,
) -> None:
    """The newest runs first."""
    wanted = {
        "name": name,
        "text": text,
        "tag": tag,
        "status": [status.upper()] if status else None,
    }
    chosen = {field: value for field, value in wanted.items() if value is not None}
    answer = session.service.ask(_LIST, first=first, after=after, filter=chosen or None)
    page = cast("Fields", answer["runs"])
    if as_json:
        session.output.json(page)
        return
    nodes = cast("Sequence[Fields]", page["nodes"])
    session.output.table(_RUN_COLUMNS, [_run_row(run) for run in nodes])
    info = cast("Fields", page["pageInfo"])
    more = f", next page: --after {info['endCursor']}" if info["hasNextPage"] else ""
    session.output.remark(f"{len(nodes)} of {page['totalCount']} runs{more}")


@runs.command()
@click.argument("run")
@json_option
@pass_session
def show(session: Session, run: str, as_json: bool) -> None:
    """One run and its steps. RUN is an id or the beginning of one."""
    found = read_run(session, resolve_run(session.service, run))
    if as_json:
        session.output.json(found)
        return
    session.output.say(Text(str(found["name"]), style="bold"), "  ", styled_status(_word(found)))
    for words in _facts(found):
        session.output.say(Text(words, style="dim"))
    session.output.say(Text(session.settings.run_url(str(found["id"])), style="cyan"))
    session.output.say()
    steps = cast("Sequence[Fields]", found["steps"])
    session.output.table(_STEP_COLUMNS, [_step_row(step) for step in steps])


def read_run(session: Session, run: str) -> dict[str, object]:
    """A run with all its steps, page by page."""
    steps: list[Fields] = []
    after: str | None = None
    while True:
        answer = session.service.ask(_SHOW, id=run, first=PAGE, after=after)
        found = cast("Fields", answer["run"])
        page = cast("Fields", found["steps"])
        steps += cast("Sequence[Fields]", page["nodes"])
        info = cast("Fields", page["pageInfo"])
        if not info["hasNextPage"]:
            return {**found, "steps": steps}
        after = str(info["endCursor"])


_RUN_COLUMNS = [
    Column(title="run", style="cyan"),
    Column(title="status"),
    Column(title="name", width=40, gives=True),
    Column(title="started"),
    Column(title="took", right=True),
    Column(title="steps", right=True),
    Column(title="errors", right=True),
    Column(title="tokens", right=True),
    Column(title="from"),
]


def _run_row(run: Fields) -> list[str | Text]:
    errors = int(cast("int", run["errorCount"]))
    origin = cast("Fields | None", run["origin"])
    return [
        str(run["id"])[:SHORT_ID],
        styled_status(_word(run)),
        str(run["name"]),
        moment(_number(run["startedNs"]) or 0),
        duration(_number(run["durationNs"])),
        count(_number(run["stepCount"])),
        Text(str(errors), style="red" if errors else "dim"),
        _tokens(run),
        f"{origin['kind']} of {str(origin['runId'])[:SHORT_ID]}" if origin else "",
    ]


_STEP_COLUMNS = [
    Column(title="step", right=True),
    Column(title="kind"),
    Column(title="name", width=48, gives=True),
    Column(title="status"),
    Column(title="took", right=True),
    Column(title="tokens", right=True),
    Column(title="mode"),
    Column(title="note", width=40, gives=True),
]


def _step_row(step: Fields) -> list[str | Text]:
    replay = cast("Fields | None", step["replay"])
    indent = "  " * int(cast("int", step["depth"]))
    return [
        f"#{step['sequence']}",
        styled_kind(str(step["kind"])),
        Text(indent + one_line(str(step["name"]), width=NAME_WIDTH)),
        styled_status(str(step["status"])),
        duration(_number(step["durationNs"])),
        _tokens(step),
        str(replay["mode"]).lower() if replay else "",
        str(step["errorClass"] or (replay["divergence"] if replay else None) or ""),
    ]


def _facts(run: Fields) -> list[str]:
    origin = cast("Fields | None", run["origin"])
    tags = ", ".join(cast("Sequence[str]", run["tags"]))
    took = duration(_number(run["durationNs"]))
    facts = [
        f"started {moment(_number(run['startedNs']) or 0)}, took {took}",
        f"{run['stepCount']} steps, {run['errorCount']} errors, {_tokens(run)} tokens, "
        f"{money(_number(run['costMicroUsd']))}",
    ]
    if origin:
        cut = f" at {origin['cutKey']}" if origin["cutKey"] else ""
        facts.append(f"{origin['kind']} of {origin['runId']}{cut}")
    if tags:
        facts.append(f"tags {tags}")
    return facts


def _word(run: Fields) -> str:
    """A replay is judged by its verdict, any other run by its status."""
    verdict = run["verdict"]
    return str(verdict if verdict is not None else run["status"])


def _tokens(row: Fields) -> str:
    known = [number for field in ("tokensIn", "tokensOut") if (number := _number(row[field]))]
    return count(sum(known)) if known else "-"


def _number(value: object) -> int | None:
    return None if value is None else int(cast("str", value))
