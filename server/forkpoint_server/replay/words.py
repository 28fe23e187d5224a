"""The closed lists of a replay session: states, executors, and what each executor admits."""

from __future__ import annotations

from enum import StrEnum

from forkpoint.events.kinds import Verdict


class SessionState(StrEnum):
    """Where a session stands; the last four are final."""

    QUEUED = "queued"
    PREPARING = "preparing"
    RUNNING = "running"
    FINISHED = "finished"
    STOPPED = "stopped"
    FAILED = "failed"
    CANCELLED = "cancelled"


CAUSE = "cause:"
"""How client ids of sessions begin that verify a cause: `cause:ATTRIBUTION:ARM:SAMPLE`."""
OPEN_STATES = (SessionState.QUEUED, SessionState.PREPARING, SessionState.RUNNING)
_FINISHED = frozenset({Verdict.IDENTICAL, Verdict.FORKED})


class Executor(StrEnum):
    """Who executes a replay."""

    VERIFY = "verify"
    GRAPH = "graph"
    SINGLE = "single"
    LOOP = "loop"
    HOST = "host"


WORKER_EXECUTORS = frozenset({Executor.VERIFY, Executor.GRAPH, Executor.SINGLE, Executor.LOOP})
"""What workers do without agent code."""
SAYS = {
    Executor.VERIFY: "code not executed",
    Executor.GRAPH: "downstream not re-executed",
    Executor.SINGLE: "one step",
    Executor.LOOP: "assumes standard loop",
}
"""What a result of an executor must not be taken for."""


def ended_as(verdict: Verdict | None) -> SessionState:
    """The final state of a session that came to a verdict, or to none."""
    if verdict is None:
        return SessionState.FAILED
    return SessionState.FINISHED if verdict in _FINISHED else SessionState.STOPPED
