"""Events become rows: steps, their ends, artifacts, and the counters of their run. Pure."""

from __future__ import annotations

import msgspec
from forkpoint.content import Digest
from forkpoint.events.kinds import ArtifactState, Health, Kind
from forkpoint.events.model import ArtifactRef, Gap, Note, StepEnded, StepStarted
from forkpoint.events.wire import without_beyond

from forkpoint_server.db.tables import RUN_ITSELF
from forkpoint_server.ingestion.digests import read_digest
from forkpoint_server.ingestion.flags import StepFlag, of_artifacts, of_replay
from forkpoint_server.ingestion.incoming import (
    Incoming,
    artifacts_of,
    event_type,
    root_of,
    step_of,
)
from forkpoint_server.ingestion.plain import body_of
from forkpoint_server.ingestion.rows import (
    ArtifactRow,
    EventRow,
    KnownStep,
    Rows,
    StepEnd,
    StepRow,
)
from forkpoint_server.ingestion.rulesets import state_of
from forkpoint_server.ingestion.state import (
    FIRST_DIVERGENCE,
    FIRST_ERROR,
    LAST_STEP,
    RunState,
)

_KIND_INDEX = {kind: index for index, kind in enumerate(Kind)}
_AGENT = _KIND_INDEX[Kind.AGENT]
# plain numbers: the driver takes a flag enum for a list of its bits
_ERROR, _RUNNING = int(StepFlag.ERROR), int(StepFlag.RUNNING)


class Materialiser:
    """Adds the rows of one run's events to `rows` and moves the run's counters along."""

    def __init__(
        self,
        run: RunState,
        rows: Rows,
        *,
        known: dict[tuple[str, str], KnownStep],
        project_id: int,
        gen: int,
        ruleset_known: bool,
    ) -> None:
        self._run = run
        self._rows = rows
        self._known = known
        self._project_id = project_id
        self._gen = gen
        self._ruleset_known = ruleset_known

    def place(self, incoming: Incoming) -> None:
        """Give an event its `seq` and write what it says."""
        run, event = self._run, incoming.event
        run.head += 1
        run.stored_bytes += len(incoming.body)
        body = incoming.body if event.beyond is None else self._readable(incoming)
        self._rows.events.append(_event_row(incoming, run.head, self._project_id, body))
        if isinstance(event, StepStarted):
            self._start(event, run.head)
        elif isinstance(event, StepEnded):
            self._end(event, run.head)
        elif isinstance(event, Gap):
            run.lose(event.count)

    def _readable(self, incoming: Incoming) -> bytes:
        """The stored form of an event with fields of a newer version: they are payload to us, so
        they stay only where its sender redacted by rules that are known here.
        """
        if self._ruleset_known:
            return incoming.body
        self._run.health.add(Health.PRIVACY_RISK)
        return body_of(without_beyond(incoming.event))

    def hang(self, incoming: Incoming) -> None:
        """Write the artifacts of an event, also of one that waits for its predecessors."""
        event = incoming.event
        refs = artifacts_of(event)
        if not refs:
            return
        prefix = f"note.{event.writer}.{event.sequence_no}." if isinstance(event, Note) else ""
        step_id = step_of(event) or RUN_ITSELF
        for ref in refs:
            self.hang_one(ref, step_id=step_id, prefix=prefix)

    def hang_one(self, ref: ArtifactRef, *, step_id: str, prefix: str = "") -> None:
        """Write one artifact, in no better state than its rule set allows."""
        state, reason = state_of(ref, known=self._ruleset_known)
        if state is ArtifactState.AT_RISK:
            self._run.health.add(Health.PRIVACY_RISK)
        elif state is ArtifactState.FAILED:
            self._run.health.add(Health.ARTIFACT_FAILED)
        root = root_of(ref)
        self._rows.artifacts.append(
            ArtifactRow(
                run_id=self._run.run_id,
                step_id=step_id,
                role=prefix + ref.role,
                project_id=self._project_id,
                gen=self._gen,
                root=None if root is None else read_digest(root),
                size=ref.size,
                state=state,
                reason=reason,
                media_type=ref.media_type,
            )
        )

    def _start(self, event: StepStarted, seq: int) -> None:
        run, where = self._run, (event.run_id, event.step_id)
        if where in self._known:
            return
        parent = self._known.get((event.run_id, event.parent_id or ""))
        depth = 0 if parent is None else parent.depth + 1
        self._rows.steps[where] = step_row(
            event,
            seq=seq,
            depth=depth,
            lane=run.lanes.begin(event.step_id, strand=event.strand, depth=depth),
            parent_seq=None if parent is None else parent.seq,
            project_id=self._project_id,
        )
        kind = _KIND_INDEX[event.kind]
        self._known[where] = KnownStep(seq=seq, depth=depth, kind=kind, ended=False)
        run.step_count += 1
        run.opens_at(seq, rank=LAST_STEP)
        if event.replay is not None and event.replay.divergence is not None:
            run.opens_at(seq, rank=FIRST_DIVERGENCE)

    def _end(self, event: StepEnded, seq: int) -> None:
        run, where = self._run, (event.run_id, event.step_id)
        run.lanes.end(event.step_id)
        step = self._known.get(where)
        if step is None or step.ended:
            return
        self._known[where] = KnownStep(seq=step.seq, depth=step.depth, kind=step.kind, ended=True)
        row = self._rows.steps.get(where)
        if row is None:
            self._rows.ends.append(_step_end(event, seq))
        else:
            _close(row, event, seq)
        if event.status == "error":
            run.error_count += 1
            run.opens_at(step.seq, rank=FIRST_ERROR)
        if step.kind != _AGENT:  # a scope may repeat the sums of what it holds
            run.spend(
                tokens_in=event.tokens_in, tokens_out=event.tokens_out, cost=event.cost_micro_usd
            )


def step_row(
    event: StepStarted,
    *,
    seq: int,
    depth: int,
    lane: int,
    parent_seq: int | None,
    project_id: int,
) -> StepRow:
    """The row of a step that begins."""
    return StepRow(
        run_id=event.run_id,
        step_id=event.step_id,
        project_id=project_id,
        seq=seq,
        parent_id=event.parent_id,
        parent_seq=parent_seq,
        kind=_KIND_INDEX[event.kind],
        name=event.name,
        key=event.key,
        strand=event.strand,
        lane=lane,
        depth=depth,
        site=event.site,
        subtype=event.subtype,
        effect=event.effect,
        codec=event.codec,
        model=event.model,
        start_ns=event.time_ns,
        signature=_digest(event.signature),
        delta=_digest(event.delta),
        contended=event.contended,
        flags=_RUNNING | of_replay(event.replay) | of_artifacts(event.artifacts),
        replay=None if event.replay is None else msgspec.json.encode(event.replay).decode(),
    )


def _event_row(incoming: Incoming, seq: int, project_id: int, body: bytes) -> EventRow:
    event = incoming.event
    return (
        event.run_id,
        seq,
        incoming.id,
        event_type(event),
        event.writer,
        event.sequence_no,
        step_of(event),
        event.time_ns,
        incoming.digest,
        body,
        project_id,
    )


def _step_end(event: StepEnded, seq: int) -> StepEnd:
    return StepEnd(
        run_id=event.run_id,
        step_id=event.step_id,
        end_seq=seq,
        end_ns=event.time_ns,
        status=event.status,
        model=event.model,
        error_class=event.error_class,
        finish_reason=event.finish_reason,
        tokens_in=event.tokens_in,
        tokens_out=event.tokens_out,
        cost_micro_usd=event.cost_micro_usd,
        attempts=event.attempts,
        chunks=event.chunks,
        flags=_flags_of_end(event),
    )


def _close(row: StepRow, event: StepEnded, seq: int) -> None:
    """The same in a row that is not written yet."""
    row.end_seq, row.end_ns, row.status = seq, event.time_ns, event.status
    row.model = event.model or row.model
    row.error_class, row.finish_reason = event.error_class, event.finish_reason
    row.tokens_in, row.tokens_out = event.tokens_in, event.tokens_out
    row.cost_micro_usd = event.cost_micro_usd
    row.attempts, row.chunks = event.attempts, event.chunks
    row.flags = row.flags & ~_RUNNING | _flags_of_end(event)


def _flags_of_end(event: StepEnded) -> int:
    return (_ERROR if event.status == "error" else 0) | of_artifacts(event.artifacts)


def _digest(text: str | None) -> Digest | None:
    return None if text is None else read_digest(text)
