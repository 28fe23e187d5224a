"""Many runs replayed against today's code: one verdict each, and how noisy the verdicts are."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import cast

from forkpoint.errors import ForkpointError, ReplayError
from forkpoint.replay.codes import verdict_of

from forkpoint_cli.client import Service
from forkpoint_cli.errors import DIFFERENT, INCOMPARABLE, OK, TROUBLE, CliError
from forkpoint_cli.filterline import Filter
from forkpoint_cli.following import Leash
from forkpoint_cli.programs import Program
from forkpoint_cli.recordings import download
from forkpoint_cli.replaying import Asked, Report, replay_program
from forkpoint_cli.session import Session
from forkpoint_cli.sources import Opened
from forkpoint_cli.spools import NoUpload
from forkpoint_cli.verdicts import exit_code

PAGE = 200
_IDS = """
query ($first: Int!, $after: String, $filter: RunFilter) {
  runs(first: $first, after: $after, filter: $filter) {
    pageInfo { hasNextPage endCursor } nodes { id name status verdict origin { runId } }
  }
}
"""
Fields = Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A run to replay."""

    run: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What became of one of them."""

    run: str
    name: str
    report: Report
    seconds: float
    made: str | None = None
    """The new run; None if the service does not have it."""
    repeats: Sequence[Report] = ()
    """Reports of the same replay again, for the noise."""
    error: str | None = None

    @property
    def verdict(self) -> str:
        """Verdict, or `failed`."""
        return str(self.report.get("verdict") or "failed")

    @property
    def exit(self) -> int:
        """What `forkpoint replay RUN` would have left."""
        return TROUBLE if self.error else exit_code(self.report)

    @property
    def disagreeing(self) -> int:
        """Repeats that came out otherwise: nothing was changed, so that is noise."""
        return sum(_essence(one) != _essence(self.report) for one in self.repeats)

    def as_json(self) -> dict[str, object]:
        """One element of the list `--json` prints."""
        return {
            "run": self.run,
            "name": self.name,
            "verdict": self.report.get("verdict"),
            "exit": self.exit,
            "seconds": round(self.seconds, 3),
            "newRun": self.made,
            "error": self.error,
            "noise": {"repeats": len(self.repeats), "disagreeing": self.disagreeing},
            "report": self.report,
        }


def listed_runs(service: Service, wanted: Filter, *, most: int) -> list[Listed]:
    """Runs that a filter finds, newest first; replays and forks and running ones are left out."""
    found: list[Listed] = []
    after: str | None = None
    while True:
        answer = service.ask(_IDS, first=PAGE, after=after, filter=wanted or None)
        page = cast("Fields", answer["runs"])
        for node in cast("Sequence[Fields]", page["nodes"]):
            if node["origin"] is None and node["status"] != "RUNNING":
                found.append(Listed(run=str(node["id"]), name=str(node["name"])))
        info = cast("Fields", page["pageInfo"])
        if len(found) >= most or not info["hasNextPage"]:
            return found[:most]
        after = str(info["endCursor"])


@dataclass(slots=True, kw_only=True)
class Batch:
    """Replays many runs with one program, some at once."""

    session: Session
    asked: Asked
    program: Program
    noise: int = 0
    """How often each is replayed again."""
    jobs: int = 2
    _leash: Leash = field(default_factory=Leash)

    def run(self, runs: Sequence[Listed], done: Callable[[Result], None]) -> list[Result]:
        """The results in the order of the runs; `done` hears of each as it comes."""
        pool = ThreadPoolExecutor(self.jobs, thread_name_prefix="replay")
        try:
            waiting = {pool.submit(self._replay, one): one.run for one in runs}
            results: dict[str, Result] = {}
            for future in as_completed(waiting):
                results[waiting[future]] = future.result()
                done(results[waiting[future]])
            return [results[one.run] for one in runs]
        finally:
            pool.shutdown(wait=False, cancel_futures=True)

    def _replay(self, listed: Listed) -> Result:
        began = time.monotonic()
        try:
            opened = Opened(recorded=download(self.session.service, listed.run))
            program = self.program.filled(opened)
            with Path(os.devnull).open("w") as nowhere:
                asked = replace(self.asked, stdout=nowhere)
                done = replay_program(self.session, opened, asked, program)
                again = replace(asked, upload=NoUpload)
                repeats = [
                    replay_program(self.session, opened, again, program).report
                    for _ in range(self.noise)
                ]
        except ReplayError as error:
            return self._failed(listed, error, began, verdict=verdict_of(error.code))
        except (CliError, ForkpointError) as error:
            return self._failed(listed, error, began, verdict=None)
        return Result(
            run=listed.run,
            name=listed.name,
            report=done.report,
            seconds=time.monotonic() - began,
            made=done.run if done.uploaded else None,
            repeats=repeats,
        )

    def _failed(
        self,
        listed: Listed,
        error: CliError | ForkpointError,
        began: float,
        *,
        verdict: str | None,
    ) -> Result:
        reason = error.code if isinstance(error, ForkpointError) else "internal"
        step = {"key": None, "sequence": None, "reason": reason}
        return Result(
            run=listed.run,
            name=listed.name,
            report={"verdict": verdict, "failedStep": step, "message": error.message},
            seconds=time.monotonic() - began,
            error=None if verdict else error.message,
        )


def batch_exit(results: Iterable[Result]) -> int:
    """2 if any could not be replayed, else 1 if any differs or disagrees with itself, else 125 if
    any is incomparable, else 0."""
    exits = [max(one.exit, DIFFERENT) if one.disagreeing else one.exit for one in results]
    if TROUBLE in exits:
        return TROUBLE
    if DIFFERENT in exits:
        return DIFFERENT
    return INCOMPARABLE if INCOMPARABLE in exits else OK


def noise_floor(results: Iterable[Result]) -> tuple[int, int]:
    """How many of how many repeats came out otherwise than the replay they repeat."""
    listed = list(results)
    return sum(one.disagreeing for one in listed), sum(len(one.repeats) for one in listed)


def _essence(report: Report) -> tuple[object, ...]:
    failed = cast("Fields", report.get("failedStep") or {})
    return report.get("verdict"), failed.get("key"), failed.get("reason"), report.get("matched")
