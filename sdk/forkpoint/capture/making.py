"""Makes runs: of this process, and the part of a run here that another process began."""

from __future__ import annotations

import os
from collections.abc import Mapping
from time import time_ns

from forkpoint.capture import process, replaying
from forkpoint.capture.joining import Context
from forkpoint.capture.runs import Run
from forkpoint.capture.shared import SharedFile
from forkpoint.capture.strands import Frame, Scope
from forkpoint.errors import ReplayError
from forkpoint.events.ids import RunId, run_id


def make_run(
    name: str,
    *,
    tags: tuple[str, ...] = (),
    attributes: Mapping[str, object] | None = None,
    traceparent: str | None = None,
    given: str | None = None,
) -> tuple[Run, replaying.Replay | None]:
    """A run, and the replay that answers it if this process is for one; `given`: its id."""
    recorder = process.recorder()
    recorder.check()
    replay = replaying.pending()
    interceptor = None if replay is None else replay.interceptor
    if given is None and interceptor is not None:
        given = interceptor.run_id
    run = Run(
        recorder,
        run_id=run_id(time_ns(), os.urandom(10)) if given is None else RunId(given),
        name=name,
        tags=tags,
        attributes=attributes,
        interceptor=interceptor,
        report=None if replay is None else replay.report,
        blind=process.blind(),
        traceparent=traceparent,
    )
    if replay is not None:
        replay.begin(run)
    return run, replay


def join_run(context: Context, name: str = "") -> tuple[Frame, replaying.Replay | None]:
    """The frame of a run that another process began, on the strand it named for this one.

    Raises `ReplayError` where that run is a replay and this process was not given its recording:
    it would do in the world what the replay must not.
    """
    run, replay = make_run(name, given=context.run)
    if context.shared is not None and replay is None:
        raise ReplayError(
            f"this process joins the replay {context.run} without its recording; start the replay"
            " with `forkpoint replay`, which hands it on",
            code="replay_failed",
        )
    run.writer.number = context.by  # of whom the open step is, until it is ours
    run.continue_in_child(context.writer, inside=context.step)
    run.recorder.runs.add(run)
    run.join(context.strand, None if context.shared is None else SharedFile(context.shared))
    return Frame(run, Scope(context.strand, context.strand), context.step), replay
