"""The side of a session that keeps the order of things; it never waits, the recorder does."""

from __future__ import annotations

import threading
from collections.abc import Callable

from forkpoint.errors import ReplayError
from forkpoint.replay.decide import Decider
from forkpoint.replay.findings import Divergence
from forkpoint.replay.gate import Gate, Wake
from forkpoint.replay.identity import opening, sleeping
from forkpoint.replay.interception import CallView, Diverged
from forkpoint.replay.points import Points
from forkpoint.replay.recording import Recording


class Gated:
    """What a `Session` does at the points of its gate."""

    recording: Recording
    moves: int
    """Grows whenever a call begins, ends or is released."""
    _decider: Decider
    _lock: threading.Lock
    _order: Points
    _gate: Gate
    _points: dict[str, int]
    """Key of an open call -> the recorded step at whose turn its answer is handed over."""
    _live: set[str]
    """Keys of calls that run live now."""
    _stop: ReplayError | None
    _stopped_at: str | None
    _unproven_at: str | None

    def arrive(self, call: CallView, wake: Wake) -> bool:
        """Whether a served answer may be handed over now, in the recorded order of completion.

        If not, the recorder waits until `wake` is called, from any thread, and asks again; when
        nothing moves for `stall_s` it calls `release`. Raises `Diverged` after a halt.
        """
        with self._lock:
            if self._stop is not None:
                raise self._again(self._stop)
            place = self._points.get(call.key)
            return place is None or self._gate.arrive(place, wake)

    def release(self, at: str) -> None:
        """Nothing moved for too long: let the first that waits go before its turn; `at` waited."""
        with self._lock:
            wake = None if self._live else self._gate.release()
            if wake is not None:
                self.moves += 1
                self._unproven(at)
        if wake is not None:
            wake()

    def arrive_settled(self, strand: str, wake: Wake) -> bool:
        """Whether a task or future that has come to its end may tell who waits for it.

        Steps its strand should have made and did not will never come: nobody waits for them.
        """
        with self._lock:
            recorded = self._decider.matcher.recorded(strand)
            never = self._order.left_over(recorded, self._decider.matcher.used)
            other = self._gate.leave(never) if never else None
            goes = self._arrive_at(recorded, wake)
        if other is not None:
            other()
        return goes

    def arrive_open(self, call: CallView, wake: Wake) -> bool:
        """Whether a served stream may hand over its first chunk."""
        with self._lock:
            place = self._points.get(call.key)
            if place is None:
                return True
            return self._arrive_at(opening(self.recording.started[place].key), wake)

    def settled(self, strand: str) -> None:
        """Who waits for a strand has been told."""
        self._pass(lambda: self._decider.matcher.recorded(strand))

    def arrive_asleep(self, scope: str, number: int, wake: Wake) -> bool:
        """Whether the n-th sleep of a scope may be over."""
        with self._lock:
            return self._arrive_at(sleeping(self._decider.matcher.recorded(scope), number), wake)

    def awake(self, scope: str, number: int) -> None:
        """The n-th sleep of a scope is over."""
        self._pass(lambda: sleeping(self._decider.matcher.recorded(scope), number))

    def opened(self, call: CallView) -> None:
        """A served stream has handed over its first chunk."""
        place = self._points.get(call.key)
        if place is not None:
            self._pass(lambda: opening(self.recording.started[place].key))

    def delegate(self, strand: str) -> None:
        """A strand runs in another process: nobody here waits for its points."""
        with self._lock:
            recorded = self._decider.matcher.recorded(strand)
            wake = self._gate.leave(self._order.below(recorded))
        if wake is not None:
            wake()

    def _arrive_at(self, name: str, wake: Wake) -> bool:
        """Points beside the steps are kept while the run goes as recorded, no longer."""
        point = self._order.numbers.get(name)
        if point is None or self._stop is not None or self._decider.interventions:
            return True
        return self._gate.arrive(point, wake)

    def _pass(self, name: Callable[[], str]) -> None:
        with self._lock:
            self.moves += 1
            point = self._order.numbers.get(name())
            wake = None if point is None else self._gate.leave((point,))
        if wake is not None:
            wake()

    def _unproven(self, key: str) -> None:
        findings = self._decider.findings
        findings.note("gate_released", key)
        if self._unproven_at is None and self._decider.interventions == 0:
            self._unproven_at = key
            message = "an answer was handed over before its turn, so the order is not proven"
            findings.diverge(Divergence(reason="order_unproven", key=key, message=message))

    def _again(self, error: ReplayError) -> Diverged:
        """What every call raises after a halt."""
        raise NotImplementedError
