"""Names of the pub/sub channels and what their messages say."""

from __future__ import annotations


def run_topic(run_id: str) -> str:
    """Messages are `first:last`, the range of sequence numbers that was committed."""
    return f"fp:run:{run_id}"


def project_topic(project_id: int) -> str:
    """Messages are the id of a run that appeared or changed."""
    return f"fp:runs:{project_id}"


def session_topic(session_id: str) -> str:
    """Messages are empty: the session has new progress."""
    return f"fp:session:{session_id}"


def runners_topic(project_id: int) -> str:
    """Messages are empty: a session waits for a runner, or one of a runner is over."""
    return f"fp:runners:{project_id}"


def attribution_topic(attribution_id: str) -> str:
    """Messages are empty: replays have shown more."""
    return f"fp:attribution:{attribution_id}"
