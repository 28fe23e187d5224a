"""Opens calls: one function between the wrapper and the queue, because the host waits for it."""

from __future__ import annotations

from collections.abc import Mapping
from time import time_ns

from forkpoint.capture.calls import Call, Target, refuse
from forkpoint.capture.items import Payload, StepBegun, Withheld
from forkpoint.capture.replayed import ReplayedCall
from forkpoint.capture.snapshots import taken
from forkpoint.capture.strands import Frame
from forkpoint.errors import CaptureError


def begin(
    frame: Frame,
    target: Target,
    parts: Mapping[str, object],
    *,
    site: str | None = None,
    model: str | None = None,
) -> Call | None:
    """Open a call; None if our own failure means that it runs unrecorded.

    Raises `Diverged` in a replay, `CaptureError` under `fail=closed`, and nothing else.
    """
    run = frame.run
    recorder = run.recorder
    try:
        if recorder.closed_mode:
            recorder.check()
        payloads: dict[str, Payload] = {}
        size = 0
        for part, value in parts.items():
            payload = payloads[part] = taken(value)
            if type(payload) is bytes:
                size += len(payload)
        if recorder.closed_mode:
            _check_payloads(payloads)
        scope = frame.scope
        key, contended, mark = scope.begin()
        begun = StepBegun(
            kind=target.kind,
            name=target.name,
            scope=scope.text,
            key=key,
            strand=scope.strand,
            parent=frame.step,
            site=site,
            effect=target.effect,
            contended=contended,
            parts=payloads,
            size=size,
            time_ns=time_ns(),
            codec=target.codec,
            model=model,
            subtype=target.subtype,
        )
        if run.interceptor is not None:
            replayed = ReplayedCall(run, target, begun, scope, mark)
            replayed.decide(run.interceptor)
            return replayed
        run.announce(key)
        recorder.submit(run, begun)
        return Call(run, target, begun, scope, mark)
    except CaptureError:
        raise
    except Exception as error:  # a bug of ours: the host goes on, unless it must not act
        recorder.counters.add("internal_errors")
        refuse(run, error)
        return None


def _check_payloads(payloads: Mapping[str, Payload]) -> None:
    for part, payload in payloads.items():
        if isinstance(payload, Withheld):
            raise CaptureError(f"input `{part}` cannot be recorded: {payload.reason}", part=part)
