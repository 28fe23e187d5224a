"""`forkpoint runner`: execute agent code here for replays asked for in the cockpit."""

from __future__ import annotations

import asyncio
import signal
from contextlib import suppress
from pathlib import Path

import click
from rich.text import Text

from forkpoint_cli.output import styled_status
from forkpoint_cli.runner.facts import Facts, facts_here, read_entries
from forkpoint_cli.runner.jobs import Done, Job
from forkpoint_cli.runner.serving import Runner
from forkpoint_cli.session import Session, json_option, pass_session


@click.command()
@click.option(
    "--entry",
    "given",
    multiple=True,
    required=True,
    metavar="NAME=MODULE:FUNCTION",
    help="A function that replays may ask for. Nothing else is ever run.",
)
@click.option("--name", help="Name of this runner; by default that of the machine.")
@click.option(
    "--jobs",
    "slots",
    default=2,
    show_default=True,
    type=click.IntRange(1, 64),
    help="Replays at once, each in a process of its own.",
)
@click.option(
    "--spares",
    default=1,
    show_default=True,
    type=click.IntRange(0, 16),
    help="Processes that wait with the code imported, so that a replay begins at once.",
)
@click.option("--once", is_flag=True, help="Leave after one job.")
@json_option
@pass_session
def runner(
    session: Session,
    given: tuple[str, ...],
    name: str | None,
    slots: int,
    spares: int,
    once: bool,
    as_json: bool,
) -> None:
    """Connect to the service and execute replays of the named entry points until interrupted.

    It connects out; no port is opened. The code is that of the current directory.
    """
    facts = facts_here(name, read_entries(given), slots=slots, folder=Path.cwd())
    teller = _Teller(session, as_json=as_json)
    teller.online(facts)
    most = 1 if once else None
    asyncio.run(_serve(Runner(session, facts, teller.told, most=most, spares=spares)))


async def _serve(runner: Runner) -> None:
    serving = asyncio.create_task(runner.serve())
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, serving.cancel)
    with suppress(asyncio.CancelledError):
        await serving


class _Teller:
    """One line for each job that begins and ends, as text or as JSON."""

    def __init__(self, session: Session, *, as_json: bool) -> None:
        self._output = session.output
        self._as_json = as_json

    def online(self, facts: Facts) -> None:
        """Say what is announced."""
        if self._as_json:
            self._output.json_line({"runner": facts.announced()})
            return
        version = facts.code_version or "no commit"
        self._output.say(
            Text(facts.name, style="bold"),
            f"  {', '.join(facts.entries)}  at {version[:19]}, guard {facts.guard}",
        )

    def told(self, job: Job, done: Done | None) -> None:
        """A job began, or is done."""
        session = job.lease.session
        if self._as_json:
            facts = {"session": session, "run": job.run, "entrypoint": job.entrypoint}
            end = {} if done is None else {"verdict": done.verdict, "code": done.code}
            self._output.json_line({**facts, "state": "ended" if done else "began", **end})
            return
        head = Text(f"{session[:13]}  {job.entrypoint}  ", style="dim")
        if done is None:
            self._output.say(head, "began")
            return
        word = done.verdict or done.code or "failed"
        tail = f"  {done.message}" if done.message else ""
        self._output.say(head, styled_status(word), tail)
