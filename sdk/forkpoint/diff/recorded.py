"""Columns out of the events of a recording, without a service: of bundles, imports and tests."""

from __future__ import annotations

from collections.abc import Iterable

from forkpoint.diff.columns import RunColumns, StepRow
from forkpoint.events.model import ArtifactRef, Event, RunEnd, RunStart, StepEnded, StepStarted


def columns_of(start: RunStart, end: RunEnd | None, events: Iterable[Event]) -> RunColumns:
    """One run as the engine wants it; `seq` counts the events as they are given."""
    begun: dict[str, tuple[int, StepStarted]] = {}
    ended: dict[str, StepEnded] = {}
    head = -1
    for head, event in enumerate(events):
        if isinstance(event, StepStarted):
            begun[event.step_id] = head, event
        elif isinstance(event, StepEnded):
            ended[event.step_id] = event
    return RunColumns(
        run_id=start.run_id,
        head=head,
        status="running" if end is None else end.status.value,
        sealed=end is not None,
        redaction_key_id=start.redaction_key_id,
        output=_root(() if end is None else end.artifacts, "output"),
        steps=[_row(seq, step, ended.get(step.step_id)) for seq, step in begun.values()],
    )


def _row(seq: int, begun: StepStarted, ended: StepEnded | None) -> StepRow:
    after = () if ended is None else ended.artifacts
    replay = begun.replay
    return StepRow(
        seq=seq,
        key=begun.key,
        kind=begun.kind.value,
        name=begun.name,
        status="running" if ended is None else ended.status,
        signature=begun.signature,
        delta=begun.delta,
        parts={
            ref.role.removeprefix("input."): ref.root
            for ref in begun.artifacts
            if ref.root is not None and ref.role.startswith("input.")
        },
        output=_root(after, "output"),
        error=_root(after, "error"),
        model=begun.model,
        site=begun.site,
        start_ns=begun.time_ns,
        end_ns=None if ended is None else ended.time_ns,
        tokens_in=None if ended is None else ended.tokens_in,
        tokens_out=None if ended is None else ended.tokens_out,
        cost_micro_usd=None if ended is None else ended.cost_micro_usd,
        mode=None if replay is None else replay.mode.value,
        edited=replay is not None and replay.edit is not None,
        source_run=replay.source.run if replay and replay.source else None,
        source_key=replay.source.key if replay and replay.source else None,
    )


def _root(artifacts: Iterable[ArtifactRef], role: str) -> str | None:
    return next((ref.root for ref in artifacts if ref.role == role), None)
