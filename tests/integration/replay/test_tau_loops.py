"""All 60 conversations of tau-bench: the worker proves their loop and rebuilds every request."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from forkpoint.capture.assembly import redactor_of
from forkpoint.events.kinds import Kind, Verdict
from forkpoint.settings import Settings
from forkpoint_cli.importers.tape import ImportedRun, Importer
from forkpoint_cli.importers.tau import import_trajectory
from forkpoint_server.replay.plans import Asked
from forkpoint_server.replay.rows import SessionRow
from forkpoint_server.replay.words import Executor, SessionState
from stack import Database as Scratch
from working import Bench, bench

RUNS = Path(__file__).parents[3] / "examples" / "tau"


@dataclass(frozen=True)
class Looped:
    """One conversation and the session that proved it."""

    name: str
    run: ImportedRun
    session: SessionRow
    equal_roots: bool


@pytest.fixture(scope="module")
def loops(
    make_database: Callable[[], Scratch], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[list[Looped]]:
    database = make_database()
    redactor = redactor_of(Settings(data=tmp_path_factory.mktemp("tau")))
    importer = Importer(
        name="test",
        redact=redactor.redact,
        ruleset_id=redactor.ruleset_id,
        redaction_key_id=redactor.key_id,
    )
    yield asyncio.run(_prove_all(database, importer))
    database.embedded.postgres.run_sql(f"drop database {database.name} with (force)")


async def _prove_all(database: Scratch, importer: Importer) -> list[Looped]:
    files = sorted(RUNS.glob("*/task*.json"))
    runs = [import_trajectory(file.read_bytes(), importer) for file in files]
    async with bench(database) as tools:
        sessions: list[str] = []
        for run in runs:
            run_id = await tools.store(run)
            sessions += await tools.ask(Asked(run_id=run_id, executor=Executor.LOOP))
        await tools.worker.work_off()
        return [
            await _looped(tools, file.name, run, session)
            for file, run, session in zip(files, runs, sessions, strict=True)
        ]


async def _looped(tools: Bench, name: str, run: ImportedRun, session_id: str) -> Looped:
    session = await tools.session(session_id)
    old, new = await tools.read(run.start.run_id), await tools.read(session.new_run_id)
    equal = all(
        old.recording.parts(place) == new.recording.parts(place)
        and old.recording.output(place) == new.recording.output(place)
        for place in range(len(old.recording))
    )
    return Looped(name, run, session, equal and len(old.recording) == len(new.recording))


def test_every_loop_is_proved(loops: list[Looped]):
    ended = {(looped.session.state, looped.session.verdict) for looped in loops}

    assert len(loops) == 60
    assert ended == {(SessionState.FINISHED, Verdict.IDENTICAL)}


def test_every_request_but_the_first_is_rebuilt(loops: list[Looped]):
    for looped in loops:
        models = [e for e in looped.run.events if getattr(e, "kind", None) is Kind.MODEL]
        said = (looped.session.report or {})["loop"]
        assert said["rebuilt"] == len(models) - 1, looped.name  # type: ignore[index]


def test_the_new_runs_have_the_recorded_roots(loops: list[Looped]):
    assert [looped.name for looped in loops if not looped.equal_roots] == []
