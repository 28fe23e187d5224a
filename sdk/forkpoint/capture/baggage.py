"""Services reached by HTTP: requests say of which run and strand they are, a service joins it.

The header is `baggage` (W3C Baggage), members `forkpoint.run`, `forkpoint.strand`, and where a step
is open `forkpoint.step`, its key and writer. It goes to hosts of the setting `propagate` alone.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Generator
from contextlib import contextmanager
from urllib.parse import quote, unquote

from forkpoint.capture import pools, process, spawn
from forkpoint.capture.joining import Context, any_writer, frame_now
from forkpoint.capture.making import join_run
from forkpoint.capture.runs import leave
from forkpoint.capture.strands import current
from forkpoint.events.ids import UUID_TEXT

HEADER = "baggage"
_LABEL = "http"
_PATH = re.compile(r"[ru~][A-Za-z0-9_./#!:~-]{0,400}")
_LONGEST = 8192
"""Bytes of a header that is looked at (W3C Baggage, section 3.3.2)."""


def baggage_for(host: str) -> str | None:
    """What a request to this host says now; None where it says nothing.

    Each names a strand of its own: the index is taken here, when it is sent.
    """
    frame = frame_now()
    if frame is None or not _may_know(host):
        return None
    members = {"run": frame.run.id, "strand": frame.scope.spawn(_LABEL)}
    if frame.step is not None:
        members["step"] = f"{frame.step} {frame.run.writer.number}"
    return ",".join(f"forkpoint.{name}={quote(value, safe='')}" for name, value in members.items())


def read_baggage(header: str | None) -> Context | None:
    """The place in a run a request came from; None for one of no run, or that is no such header."""
    found: dict[str, str] = {}
    for member in (header or "")[:_LONGEST].split(","):
        name, _, value = member.partition(";")[0].strip().partition("=")
        if name.startswith("forkpoint."):
            found[name.removeprefix("forkpoint.")] = unquote(value)
    run, strand = found.get("run", ""), found.get("strand", "")
    step, _, by = found.get("step", "").partition(" ")
    if not UUID_TEXT.match(run) or not _PATH.fullmatch(strand):
        return None
    if step and not (_PATH.fullmatch(step) and by.isdigit() and len(by) <= 10):
        return None
    return Context(
        run=run,
        strand=strand,
        writer=any_writer(),
        step=step or None,
        shared=None,
        by=int(by or 0),
    )


@contextmanager
def joined(header: str | None) -> Generator[None]:
    """Record the calls of this block in the run a request came from; else as they are.

    A process that replays joins nobody: what a service answered is served by the step around the
    request.
    """
    settings = process.settings()
    context = None if process.disabled() or settings.replay else read_baggage(header)
    if context is None:
        yield
        return
    spawn.follow_loop()
    pools.install()
    frame, _ = join_run(context)
    token = current.set(frame)
    try:
        yield
    finally:
        leave(token)
        frame.run.finish_joined()


def _may_know(host: str) -> bool:
    name = host.strip("[]").lower()
    return any(fnmatch.fnmatchcase(name, glob) for glob in process.settings().propagate)
