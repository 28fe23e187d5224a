"""The part of `forkpoint replay` that takes many runs."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.text import Text

from forkpoint_cli.batches import Batch, Result, batch_exit, listed_runs
from forkpoint_cli.batchshown import print_results, results_json, write_junit
from forkpoint_cli.errors import CliError
from forkpoint_cli.filterline import read_filter
from forkpoint_cli.programs import Program
from forkpoint_cli.replaying import Asked
from forkpoint_cli.session import Session


@dataclass(frozen=True, slots=True, kw_only=True)
class Many:
    """What only a batch is asked."""

    filter: str
    most: int
    noise: int
    jobs: int
    junit: Path | None


def replay_many(
    session: Session, many: Many, asked: Asked, program: Program | None, *, as_json: bool
) -> int:
    """Replay all that the filter finds; the exit status."""
    if program is None:
        raise CliError("--runs needs the program: a command after `--`, or --entry")
    wanted = read_filter(many.filter, now_ns=time.time_ns())
    runs = listed_runs(session.service, wanted, most=many.most)
    if not runs:
        raise CliError(f"no recorded run fits {many.filter!r}", hint="see: forkpoint runs list")
    batch = Batch(session=session, asked=asked, program=program, noise=many.noise, jobs=many.jobs)
    console = session.output.remarks
    bar = Progress(
        TextColumn("replaying"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
    with bar:
        task = bar.add_task("replays", total=len(runs))

        def done(result: Result) -> None:
            bar.advance(task)
            if result.exit and not as_json:
                bar.console.print(Text(f"{result.verdict}  {result.run}"), soft_wrap=True)

        results = batch.run(runs, done)
    if many.junit is not None:
        write_junit(many.junit, results)
    if as_json:
        session.output.json(results_json(results))
    else:
        print_results(session.output, results)
    return batch_exit(results)
