"""Imported runs on their way to the service: many runs a request, events in large batches."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import cast

from forkpoint.events.kinds import StepStatus
from forkpoint.events.model import Event, StepEnded, StepStarted
from forkpoint.events.wire import encode, to_builtins

from forkpoint_cli.client import Connection, Service
from forkpoint_cli.errors import CliError
from forkpoint_cli.importers.tape import ImportedRun

RUNS_A_REQUEST = 10
"""Root fields the service allows in one operation."""
EVENTS_A_REQUEST = 1_000
BYTES_A_REQUEST = 2 << 20
_KNOWN = """
query ($filter: RunFilter) { runs(first: 200, filter: $filter) { nodes { id status } } }
"""
_INGEST = """
mutation ($input: IngestEventsInput!) {
  ingestEvents(input: $input) { accepted duplicates missing rejected { index code message } }
}
"""
Fields = Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """What an import came to. `known`: runs that were there before, left as they are."""

    runs: int = 0
    steps: int = 0
    errors: int = 0
    known: int = 0

    def facts(self) -> dict[str, int]:
        """For `--json`."""
        return asdict(self)

    def plus(self, run: ImportedRun, *, created: bool) -> Totals:
        """These and one run more."""
        ended = [event for event in run.events if isinstance(event, StepEnded)]
        return Totals(
            runs=self.runs + 1,
            steps=self.steps + sum(isinstance(event, StepStarted) for event in run.events),
            errors=self.errors + sum(event.status == StepStatus.ERROR for event in ended),
            known=self.known + (not created),
        )


Read = Callable[[Path], ImportedRun]


def upload_files(
    service: Service, files: Sequence[Path], read: Read, *, advance: Callable[[], None]
) -> Totals:
    """Read and upload each file; `advance` is called as each is done."""
    return asyncio.run(_upload(service, files, read, advance))


async def _upload(
    service: Service, files: Sequence[Path], read: Read, advance: Callable[[], None]
) -> Totals:
    totals = Totals()
    async with service.connected() as connection:
        for group in _groups(files):
            runs = [read(path) for path in group]
            known = await _known(connection, runs)
            fresh = [run for run in runs if run.start.run_id not in known]
            await _start(connection, fresh)
            await _ingest(connection, fresh)
            await _finish(connection, fresh)
            for run in runs:
                totals = totals.plus(run, created=run.start.run_id not in known)
                advance()
    return totals


def _groups(files: Sequence[Path]) -> Iterator[list[Path]]:
    """Files whose runs are opened by one request: blocks weigh about as much as their file."""
    group: list[Path] = []
    weight = 0
    for path in files:
        size = path.stat().st_size
        if group and (len(group) == RUNS_A_REQUEST or weight + size > BYTES_A_REQUEST):
            yield group
            group, weight = [], 0
        group.append(path)
        weight += size
    if group:
        yield group


async def _known(connection: Connection, runs: Sequence[ImportedRun]) -> set[str]:
    """Ids of those that are there and whole, whoever imported them under whatever key."""
    answer = await connection.ask(_KNOWN, filter={"ids": [run.start.run_id for run in runs]})
    nodes = cast("Mapping[str, Sequence[Fields]]", answer["runs"])["nodes"]
    return {str(node["id"]) for node in nodes if node["status"] != "RUNNING"}


async def _start(connection: Connection, runs: Sequence[ImportedRun]) -> None:
    """Open the runs and store their blocks; one that was cut short before is opened again."""
    inputs = [
        {
            "record": to_builtins(run.start),
            "blocks": [body.decode() for body in run.blocks.values()],
        }
        for run in runs
    ]
    for answer in await _each(connection, "startRun", "StartRunInput", inputs, "missing"):
        _refuse_missing(answer)


async def _ingest(connection: Connection, runs: Sequence[ImportedRun]) -> None:
    for events in _batches(runs):
        answer = await connection.ask(_INGEST, input={"events": events})
        taken = cast("Fields", answer["ingestEvents"])
        _refuse_missing(taken)
        rejected = cast("Sequence[Fields]", taken["rejected"])
        if rejected:
            first = rejected[0]
            raise CliError(
                f"the service rejected {len(rejected)} of {len(events)} events: "
                f"{first['code']}, {first['message']}"
            )


async def _finish(connection: Connection, runs: Sequence[ImportedRun]) -> None:
    inputs = [{"record": to_builtins(run.end)} for run in runs]
    fields = "missing run { id }"
    for answer in await _each(connection, "finishRun", "FinishRunInput", inputs, fields):
        _refuse_missing(answer)


async def _each(
    connection: Connection, mutation: str, kind: str, inputs: Sequence[object], fields: str
) -> list[Fields]:
    """One mutation for each input, all in one request."""
    if not inputs:
        return []
    numbers = range(len(inputs))
    declared = ", ".join(f"$i{number}: {kind}!" for number in numbers)
    calls = " ".join(
        f"a{number}: {mutation}(input: $i{number}) {{ {fields} }}" for number in numbers
    )
    variables = {f"i{number}": inputs[number] for number in numbers}
    answer = await connection.ask(f"mutation ({declared}) {{ {calls} }}", **variables)
    return [cast("Fields", answer[f"a{number}"]) for number in numbers]


def _batches(runs: Sequence[ImportedRun]) -> Iterator[list[object]]:
    batch: list[object] = []
    weight = 0
    for event in _events(runs):
        size = len(encode(event))
        if batch and (len(batch) == EVENTS_A_REQUEST or weight + size > BYTES_A_REQUEST):
            yield batch
            batch, weight = [], 0
        batch.append(to_builtins(event))
        weight += size
    if batch:
        yield batch


def _events(runs: Sequence[ImportedRun]) -> Iterator[Event]:
    for run in runs:
        yield from run.events


def _refuse_missing(answer: Fields) -> None:
    missing = cast("Sequence[str]", answer["missing"])
    if missing:
        raise CliError(
            f"the service lacks {len(missing)} blocks of this import, first {missing[0]}"
        )
