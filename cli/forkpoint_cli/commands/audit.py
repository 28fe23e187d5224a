"""`forkpoint audit`: who did what in this project, and whether the log of it is untouched."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import cast

import click

from forkpoint_cli.errors import DIFFERENT
from forkpoint_cli.figures import moment
from forkpoint_cli.output import Column
from forkpoint_cli.session import Session, json_option, pass_session

_PAGE = 200
_LIST = """
query ($first: Int!, $after: String, $filter: AuditFilter) {
  audit(first: $first, after: $after, filter: $filter) {
    pageInfo { hasNextPage endCursor }
    nodes { seq atNs actor tokenId address action target reason facts hash }
  }
}
"""
CHAIN = "query { auditChain { rows intact brokenAt } }"
_COLUMNS = (
    Column(title="#", right=True, style="dim"),
    Column(title="when"),
    Column(title="who", width=32),
    Column(title="from"),
    Column(title="did"),
    Column(title="to", width=44),
    Column(title="with", width=80, gives=True),
)


@click.command()
@click.option("--action", help="Only this one, `token.created` for example.")
@click.option("--target", help="Only what was done to this run, token or payload.")
@click.option("--most", default=50, show_default=True, type=click.IntRange(1, 100_000))
@click.option("--check", is_flag=True, help="Read the whole log and check its chain.")
@json_option
@pass_session
def audit(
    session: Session,
    action: str | None,
    target: str | None,
    most: int,
    check: bool,
    as_json: bool,
) -> None:
    """Who did what, newest first. Needs the scope `admin`.

    With --check say whether a row was changed, lost or put in. Exit status: 0 none was, 1 one was.
    """
    if check:
        raise SystemExit(_check(session, as_json=as_json))
    rows = _entries(session, {"action": action, "target": target}, most)
    if as_json:
        session.output.json(rows)
        return
    session.output.table(_COLUMNS, [_row(entry) for entry in rows])


def _entries(
    session: Session, where: Mapping[str, str | None], most: int
) -> list[Mapping[str, object]]:
    found: list[Mapping[str, object]] = []
    after: str | None = None
    while len(found) < most:
        first = min(_PAGE, most - len(found))
        answer = session.service.ask(_LIST, first=first, after=after, filter=dict(where))
        page = cast("Mapping[str, object]", answer["audit"])
        found += cast("Sequence[Mapping[str, object]]", page["nodes"])
        info = cast("Mapping[str, object]", page["pageInfo"])
        if not info["hasNextPage"]:
            break
        after = cast("str", info["endCursor"])
    return found


def _check(session: Session, *, as_json: bool) -> int:
    chain = cast("Mapping[str, object]", session.service.ask(CHAIN)["auditChain"])
    if as_json:
        session.output.json(chain)
    elif chain["intact"]:
        session.output.say(f"{chain['rows']} rows, all as they were written")
    else:
        session.output.say(f"row {chain['brokenAt']} is not what was written there")
    return 0 if chain["intact"] else DIFFERENT


def _row(entry: Mapping[str, object]) -> list[str]:
    token, reason = entry["tokenId"], entry["reason"]
    facts = json.dumps(entry["facts"]) if entry["facts"] else ""
    return [
        str(entry["seq"]),
        moment(int(cast("str", entry["atNs"]))),
        f"{entry['actor']} ({token})" if token else str(entry["actor"]),
        str(entry["address"] or "-"),
        f"{entry['action']} ({reason})" if reason else str(entry["action"]),
        str(entry["target"]),
        facts,
    ]
