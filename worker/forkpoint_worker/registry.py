"""Which handler does which job."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import TypeAlias

from forkpoint_server.jobs.names import JobKind

from forkpoint_worker.handlers import causes, diffs, replay, runs, storage, traces
from forkpoint_worker.work import Work

Handler: TypeAlias = Callable[[Work], Awaitable[None]]

ABANDONED: Mapping[JobKind, Handler] = {JobKind.REPLAY: replay.abandon}
"""What is done when a job is given up after too many claims."""

HANDLERS: Mapping[JobKind, Handler] = {
    JobKind.FINISH_RUN: runs.finish_run,
    JobKind.CLOSE_GAPS: runs.give_up_gaps,
    JobKind.WATCH_RUNS: runs.watch_runs,
    JobKind.PACK_RUN: storage.pack_run,
    JobKind.RETAIN: storage.retain,
    JobKind.DERIVE_RUN: traces.derive_run,
    JobKind.DIFF_RUNS: diffs.diff_runs,
    JobKind.SWEEP_BLOBS: storage.sweep_blobs,
    JobKind.REPLAY: replay.replay,
    JobKind.WATCH_REPLAY: replay.watch_replay,
    JobKind.VERIFY_CAUSE: causes.verify_cause,
}
