"""`forkpoint runs tail RUN`: the steps of a run as they happen."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from typing import cast

import click
from rich.text import Text

from forkpoint_cli.figures import duration
from forkpoint_cli.names import resolve_run
from forkpoint_cli.output import styled_kind, styled_status
from forkpoint_cli.session import Session, json_option, pass_session

Fields = Mapping[str, object]
_FOLLOW = """
subscription ($run: ID!, $after: BigInt!) {
  runEvents(runId: $run, after: $after) { toSeq status events }
}
"""


@click.command()
@click.argument("run")
@click.option("--after", default=-1, show_default=True, help="Begin after this event number.")
@json_option
@pass_session
def tail(session: Session, run: str, after: int, as_json: bool) -> None:
    """Follow a run until it ends. With --json: one event a line."""
    found = resolve_run(session.service, run)
    follower = _Follower(session, as_json=as_json)
    asyncio.run(_follow(session, found, after, follower))


async def _follow(session: Session, run: str, after: int, follower: _Follower) -> None:
    async for answer in session.service.subscribe(_FOLLOW, run=run, after=str(after)):
        follower.take(cast("Fields", answer["runEvents"]))


class _Follower:
    """Prints events; remembers when and as what each step began."""

    def __init__(self, session: Session, *, as_json: bool) -> None:
        self._output, self._as_json = session.output, as_json
        self._begun: dict[object, Fields] = {}

    def take(self, batch: Fields) -> None:
        for event in cast("Sequence[Fields]", batch["events"]):
            if self._as_json:
                click.echo(json.dumps(event, ensure_ascii=True))
            else:
                self._show(event)
        if not self._as_json and batch["status"] != "RUNNING":
            self._output.say("run ", styled_status(str(batch["status"])))

    def _show(self, event: Fields) -> None:
        match event["type"]:
            case "step_started":
                self._begun[event["seq"]] = event
                self._line(event, event, Text("…", style="dim"), "")
            case "step_ended":
                begun = self._begun.pop(event.get("stepSeq"), event)
                took = int(str(event["timeNs"])) - int(str(begun["timeNs"]))
                self._line(event, begun, styled_status(str(event["status"])), duration(took))
            case "gap":
                lost = f"{event.get('count')} events lost: {event.get('reason')}"
                self._output.say(Text(lost, style="yellow"))
            case _:
                self._output.say(Text(f"{event['type']} {event.get('name', '')}", style="dim"))

    def _line(self, event: Fields, begun: Fields, status: Text, took: str) -> None:
        kind = styled_kind(str(begun.get("kind", "")))
        kind.pad_right(max(0, 9 - len(kind)))
        indent = "  " * int(str(begun.get("depth", 0)))
        number = Text(f"#{begun.get('seq', event['seq'])}".rjust(6) + "  ", style="dim")
        self._output.say(
            number, kind, " ", indent, str(begun.get("name", "")), "  ", status, " ", took
        )
