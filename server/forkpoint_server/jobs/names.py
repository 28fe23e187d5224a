"""The closed list of jobs."""

from __future__ import annotations

from enum import StrEnum


class JobKind(StrEnum):
    """What a worker can be asked to do."""

    FINISH_RUN = "finish_run"
    """Close what a finished run left open."""
    CLOSE_GAPS = "close_gaps"
    """Give up waiting for events that did not come within 30 s."""
    PACK_RUN = "pack_run"
    """Sketch the texts of a finished run, then join its blocks into packs."""
    RETAIN = "retain"
    """Delete what the retention of a project says, and collect its blocks."""
    WATCH_RUNS = "watch_runs"
    """Mark runs whose writer has vanished."""
    DERIVE_RUN = "derive_run"
    """Read what a trace brought: redact it, build its run; finish the run when it is quiet."""
    DIFF_RUNS = "diff_runs"
    """Compare two runs that are too long to compare while a reader waits."""
    SWEEP_BLOBS = "sweep_blobs"
    """Delete blobs that no row has named for a day."""
    REPLAY = "replay"
    """Execute a replay session without agent code."""
    WATCH_REPLAY = "watch_replay"
    """Notice that the runner of a session is gone."""
    VERIFY_CAUSE = "verify_cause"
    """Take up what a replay has shown of a cause, and start the next ones."""
