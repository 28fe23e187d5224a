"""A recorded run as columns, one entry a step in order of their starts, checked before any use."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from forkpoint.errors import ReplayError
from forkpoint.events.kinds import ArtifactState, Kind, RunStatus
from forkpoint.events.model import (
    ArtifactRef,
    Event,
    Note,
    RunEnd,
    RunStart,
    SourceRef,
    StepAttempt,
    StepEnded,
    StepStarted,
)
from forkpoint.replay.identity import scope_of

CONTENT_FORMAT = "content/1"
SIGNATURE_CODEC = "sig/1"

Get = Callable[[Collection[bytes]], Mapping[bytes, bytes]]
"""Block bodies by digest, many at a time."""
StepType = tuple[Kind, str]
"""What must be equal before signatures are compared: kind and name."""
_UNREAD = frozenset({ArtifactState.PENDING, ArtifactState.AT_RISK})
_CUT_SHORT = frozenset({RunStatus.RUNNING, RunStatus.INTERRUPTED})


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Recording:
    """The run a replay answers from. Columns are indexed by the place of a step, 0, 1, 2, ..."""

    start: RunStart
    end: RunEnd | None
    get: Get
    seqs: Sequence[int]
    """`seq` of the start event: the step number people see."""
    started: Sequence[StepStarted]
    ended: Sequence[StepEnded | None]
    """None: in flight when the recording ended."""
    end_seqs: Sequence[int | None]
    scopes: Sequence[str]
    types: Sequence[StepType]
    by_key: Mapping[str, int]
    by_seq: Mapping[int, int]
    notes: Sequence[Note]
    numbers: Mapping[int, Sequence[int]]
    """Writer -> `seq` by `sequence_no`."""
    attempts: Mapping[int, Sequence[StepAttempt]] = field(
        default_factory=dict[int, Sequence[StepAttempt]]
    )
    """Place of a step that its client library tried several times -> its tries."""

    @classmethod
    def load(
        cls, start: RunStart, end: RunEnd | None, events: Iterable[tuple[int, Event]], get: Get
    ) -> Recording:
        """Index a run; `end` is None for the prefix a killed run left behind.

        Raises `ReplayError`: `codec_mismatch`, `recording_incomplete`, `not_clean`.
        """
        _check_codecs(start)
        reading = _Reading()
        for seq, event in events:
            reading.take(seq, event)
        reading.check_counts(end)
        _check_clean(reading.started, reading.ended)
        keys = [step.key for step in reading.started]
        return cls(
            start=start,
            end=end,
            get=get,
            seqs=reading.seqs,
            started=reading.started,
            ended=reading.ended,
            end_seqs=reading.end_seqs,
            scopes=[scope_of(key) for key in keys],
            types=[(step.kind, step.name) for step in reading.started],
            by_key={key: place for place, key in enumerate(keys)},
            by_seq={seq: place for place, seq in enumerate(reading.seqs)},
            notes=reading.notes,
            numbers=reading.written,
            attempts=reading.attempts,
        )

    def __len__(self) -> int:
        return len(self.started)

    @property
    def prefix(self) -> bool:
        """Whether the run was cut short: what comes after its last event is unknown."""
        return self.end is None or self.end.status in _CUT_SHORT

    def source(self, place: int) -> SourceRef:
        """The step as replayed steps name it."""
        return SourceRef(run=self.start.run_id, key=self.started[place].key, seq=self.seqs[place])

    def parts(self, place: int) -> dict[str, str | None]:
        """Input part -> root."""
        refs = self.started[place].artifacts
        return {ref.role[6:]: ref.root for ref in refs if ref.role.startswith("input.")}

    def artifact(self, place: int, role: str) -> ArtifactRef | None:
        """What hangs on the end of a step under a role."""
        ended = self.ended[place]
        return None if ended is None else reference(ended.artifacts, role)

    def output(self, place: int) -> str | None:
        """Root of a step's output."""
        ref = self.artifact(place, "output")
        return None if ref is None else ref.root

    def run_output(self) -> str | None:
        """Root of the run's own output."""
        ref = None if self.end is None else reference(self.end.artifacts, "output")
        return None if ref is None else ref.root


def reference(artifacts: Iterable[ArtifactRef], role: str) -> ArtifactRef | None:
    """The artifact of a role."""
    return next((ref for ref in artifacts if ref.role == role), None)


class _Reading:
    """Columns while they grow."""

    def __init__(self) -> None:
        self.seqs: list[int] = []
        self.started: list[StepStarted] = []
        self.ended: list[StepEnded | None] = []
        self.end_seqs: list[int | None] = []
        self.notes: list[Note] = []
        self.written: dict[int, list[int]] = {}
        self.attempts: dict[int, list[StepAttempt]] = {}
        self._places: dict[str, int] = {}
        self._numbers: dict[int, list[int]] = {}
        self._gaps = 0

    def take(self, seq: int, event: Event) -> None:
        self._numbers.setdefault(event.writer, []).append(event.sequence_no)
        self.written.setdefault(event.writer, []).append(seq)
        if isinstance(event, StepStarted):
            self._places[event.step_id] = len(self.started)
            self.seqs.append(seq)
            self.started.append(event)
            self.ended.append(None)
            self.end_seqs.append(None)
        elif isinstance(event, StepEnded):
            self._end(seq, event)
        elif isinstance(event, StepAttempt):
            place = self._places.get(event.step_id)
            if place is not None:
                self.attempts.setdefault(place, []).append(event)
        elif isinstance(event, Note):
            self.notes.append(event)
        else:
            self._gaps += 1

    def _end(self, seq: int, event: StepEnded) -> None:
        place = self._places.get(event.step_id)
        if place is None:
            raise _incomplete(event.run_id, f"step {event.step_id} ended but never started")
        self.ended[place] = event
        self.end_seqs[place] = seq

    def check_counts(self, end: RunEnd | None) -> None:
        """Every writer's events must be there, 0, 1, 2, ..., as many as the sealed run says."""
        run = end.run_id if end else "of a run that never ended"
        if self._gaps:
            raise _incomplete(run, f"it has {self._gaps} gaps")
        for writer, numbers in self._numbers.items():
            if sorted(numbers) != list(range(len(numbers))):
                raise _incomplete(run, f"events of writer {writer} are missing")
        for writer, expected in (end.events if end else {}).items():
            found = len(self._numbers.get(int(writer), ()))
            if found != expected:
                raise _incomplete(run, f"writer {writer} sent {expected} events, {found} are here")


def _incomplete(run: str, why: str) -> ReplayError:
    return ReplayError(
        f"recording {run} cannot be replayed: {why}; fetch it again or record anew",
        code="recording_incomplete",
        run=run,
    )


def _check_codecs(start: RunStart) -> None:
    found = (start.content_format, start.signature_codec)
    if found != (CONTENT_FORMAT, SIGNATURE_CODEC):
        raise ReplayError(
            f"recording {start.run_id} is written in {' and '.join(found)},"
            f" this engine reads {CONTENT_FORMAT} and {SIGNATURE_CODEC}",
            code="codec_mismatch",
            run=start.run_id,
        )


def _check_clean(started: Sequence[StepStarted], ended: Sequence[StepEnded | None]) -> None:
    for step, close in zip(started, ended, strict=True):
        for ref in (*step.artifacts, *(close.artifacts if close else ())):
            if ref.state in _UNREAD:
                raise ReplayError(
                    f"`{ref.role}` of step {step.key} is {ref.state}; a replay reads clean"
                    " payloads only",
                    code="not_clean",
                    run=step.run_id,
                    key=step.key,
                )
