"""A replay session: answers the calls of one run from a recording and comes to a verdict."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from random import Random
from typing import NoReturn

from forkpoint.content.blocks import Value, digest_text
from forkpoint.content.encode import encode
from forkpoint.content.store import MemoryBlocks
from forkpoint.errors import ReplayError
from forkpoint.events.kinds import Mode
from forkpoint.events.model import Origin, ReplayInfo, SourceRef
from forkpoint.replay.answers import Answers
from forkpoint.replay.asked import Masking
from forkpoint.replay.codes import BREACHES, DIVERGENCES
from forkpoint.replay.decide import Answer, Decider
from forkpoint.replay.draws import Watch
from forkpoint.replay.elsewhere import OFFLINE, Elsewhere
from forkpoint.replay.findings import Divergence
from forkpoint.replay.gate import Gate, Wake
from forkpoint.replay.gated import Gated
from forkpoint.replay.handing import handed
from forkpoint.replay.hostedits import HostEdits
from forkpoint.replay.index import build
from forkpoint.replay.interception import (
    CallView,
    Diverged,
    Live,
    ReplayResult,
    Served,
)
from forkpoint.replay.joined import Taken, Tell, Told, parted, stopped, used
from forkpoint.replay.plan import spec_cut
from forkpoint.replay.points import Points
from forkpoint.replay.recording import Recording
from forkpoint.replay.report import Ending, conclude
from forkpoint.replay.resolvers import FindResolver, no_resolver
from forkpoint.replay.spec import ReplaySpec
from forkpoint.replay.surroundings import Surroundings
from forkpoint.replay.taint import Taints
from forkpoint.replay.tokens import TokenOf

LOCAL_LIMIT_S = 10
"""Seconds at most that local work recorded before a point lengthens the wait for it."""


class Session(Gated):
    """Implements `Interceptor`. Thread-safe; it never waits, the recorder does (`arrive`).

    But in one place: `elsewhere` is asked under the lock, for what the recording does not hold.
    After a halt every further call raises `Diverged` again, on whatever thread. `redaction_key_id`
    names the key this process masks with, `token_of` masks by it. Building one raises
    `ReplayError` `cut_invalid`, `edit_conflict` or `edit_invalid`.
    """

    _went_live = False
    _tell: Tell | None = None

    def __init__(
        self,
        recording: Recording,
        spec: ReplaySpec,
        *,
        now: Callable[[], int] = time.time_ns,
        redaction_key_id: str | None = None,
        token_of: TokenOf | None = None,
        resolvers: FindResolver = no_resolver,
        elsewhere: Elsewhere = OFFLINE,
    ) -> None:
        index = build(recording)
        self.blocks = MemoryBlocks()
        """Blocks of the edits and the policy that `origin` names."""
        self.recording = recording
        self._answers = Answers(recording, each_attempt=spec.policy.retries == "attempts")
        self.spec = spec
        self.cut = spec_cut(recording, spec)
        masking = Masking(recording.start.redaction_key_id, redaction_key_id, token_of)
        self._decider = Decider(
            recording, index, spec, self.cut, now=now, masking=masking, elsewhere=elsewhere
        )
        self._note_where_it_starts()
        self._resolvers = resolvers
        self._of_host = HostEdits(self._decider, recording, self.cut)
        self._lock = threading.Lock()
        self._stop: ReplayError | None = None
        self._stopped_at: str | None = None
        self._taints = Taints()
        self._order = Points(recording, index)
        self._gate = Gate(self._order.order)
        self._points: dict[str, int] = {}
        """Key of an open call -> the recorded step at whose turn its answer is handed over."""
        self._watch = Watch(recording, spec.policy.nondeterminism, self._decider.findings)
        self.moves = 0
        """Grows whenever a call begins, ends or is released."""
        self._unproven_at: str | None = None
        self._gaps: set[str] = set()
        self._live: set[str] = set()
        """Keys of calls that run live now."""
        self._origin = self._made_origin()

    @property
    def origin(self) -> Origin:
        """Where the new run comes from."""
        return self._origin

    @property
    def run_id(self) -> str | None:
        """Id the new run must have; None for any."""
        return self.spec.run_id

    @property
    def stall_s(self) -> float:
        """How long nothing may move before a waiting answer goes out of turn.

        Longer where the awaited point was recorded after local work; a recorded cancellation is
        waited for to the end.
        """
        gate = self.spec.policy.gate
        with self._lock:
            local_s = self._order.local_s(self._gate.head)
        if local_s is None:
            return gate.max_wait_s
        return gate.stall_ms / 1000 + min(2 * local_s, LOCAL_LIMIT_S)

    @property
    def max_wait_s(self) -> float:
        """How long an answer waits at most, while anything else moves."""
        return self.spec.policy.gate.max_wait_s

    def new_input(self, call: CallView) -> dict[str, Value]:
        """Input parts an edit changes, for a recorder that can change the real arguments.

        It does so, signs the call again and calls `begin` with it. Without that, edited inputs are
        answered from the recording or by payload, and never live.
        """
        if not self.spec.edits:
            return {}
        with self._lock:
            return self._decider.reader.leave_to_recorder(call)

    def begin(self, call: CallView) -> Served | Live:
        """Decide a call. Raises `Diverged` where policy or recording have no answer."""
        with self._lock:
            if self._stop is not None:
                raise self._again(self._stop)
            try:
                answer = self._decider.decide(call)
            except ReplayError as error:
                self._halt(error, call.key)
            wake = self._queue(call, answer)
            environ = self._of_host.take_environ()
        if wake is not None:
            wake()
        decision = self._handed(answer, call)
        return replace(decision, environ=environ) if environ else decision

    @property
    def pace(self) -> float:
        """What sleeps are multiplied by: none waits, unless the policy or a live call wants it."""
        pace = self.spec.policy.pace
        return max(1.0, pace) if self._went_live else pace

    def draw(self, scope: str, source: str, make: Callable[[Random], object]) -> object | None:
        """The value user code draws now, made if none was recorded; None: it is not replayed."""
        with self._lock:
            decider = self._decider
            recorded, free = decider.matcher.recorded(scope), decider.interventions > 0
            value = self._watch.draw(recorded, source, make, free=free)
            if source == "time" and isinstance(value, int):
                value += self._of_host.shift_ns()
            return value

    def end(self, call: CallView, *, output: str | None, status: str) -> None:
        """A call is over; the next in the recorded order of completion may go."""
        with self._lock:
            self.moves += 1
            self._live.discard(call.key)
            place = self._points.pop(call.key, None)
            if place is not None and self.spec.policy.retries == "attempts":
                self._check_tries(call, place, status)
            wake = None if place is None else self._gate.leave(self._order.of_steps((place,)))
        if wake is not None:
            wake()

    def _check_tries(self, call: CallView, place: int, status: str) -> None:
        """Whether the library went on trying as long as it did when it was recorded."""
        ended = self.recording.ended[place]
        tries = len(self.recording.attempts.get(place, ()))
        if tries and ended is not None and ended.status != status:
            found = Divergence(
                reason="outcome_changed",
                key=call.key,
                message=f"recorded as {ended.status} after {tries} tries, now {status} before",
                place=place,
            )
            self._decider.findings.diverge(found)

    def live_hosts(self) -> tuple[str, ...]:
        """Hosts that may be reached right now: those of the policy, while a live call is open."""
        with self._lock:
            return self.spec.policy.allow_live.hosts if self._live else ()

    def spend(self, call: CallView, *, tokens: int, cost_micro_usd: int) -> None:
        """What a live call reported to have used, for the budgets."""
        with self._lock:
            self._decider.licence.spend(call.key, tokens=tokens, cost_micro_usd=cost_micro_usd)

    def breach(self, code: str, key: str | None = None) -> None:
        """Something reached, or tried to reach, the outside: the verdict is `diverged`."""
        if code not in BREACHES:
            raise ValueError(f"{code} is no breach")
        with self._lock:
            message = f"{code} at {key or 'no step'}"
            found = Divergence(reason=code, key=key or "", message=message)
            self._decider.findings.diverge(found)

    def join(self, strand: str, tell: Tell) -> None:
        """This process runs one strand of a replay that another began, and tells it all."""
        own = self._order.below(self._decider.matcher.recorded(strand))
        self._gate.leave([point for point in self._order.order if point not in own])
        self._tell = tell
        self._decider.findings.told = lambda divergence: tell(parted(divergence))

    def absorb(self, told: Iterable[Told]) -> None:
        """What the processes told that joined this replay."""
        with self._lock:
            taken = Taken(told, self._decider.matcher)
            for divergence in taken.divergences:
                self._decider.findings.diverge(divergence)
            self._decider.interventions += taken.changes
            if taken.stop is not None and self._stop is None:
                self._stop, self._stopped_at = taken.stop

    def gap(self, what: str) -> None:
        """The program holds a way past the guard, which cannot see whether it is taken."""
        if self.spec.guard != "os":
            self._gaps.add(what)

    def finish(
        self,
        *,
        status: str,
        output: str | None,
        code_version: str | None = None,
        environment: Surroundings | None = None,
    ) -> ReplayResult:
        """The run is over: verdict and report. `code_version` is that of the code now."""
        with self._lock:
            if self._stop is None and not self.recording.prefix and not self._decider.interventions:
                self._watch.close()
            return conclude(
                self.recording,
                self._decider,
                Ending(
                    status=status,
                    output=output,
                    stop=self._stop,
                    stopped_at=self._stopped_at,
                    fork=self.spec.kind == "fork",
                    policy=self.spec.policy,
                    guard=self.spec.guard,
                    guard_gaps=tuple(sorted(self._gaps)),
                    code_version=code_version,
                    environment=environment,
                ),
            )

    def _queue(self, call: CallView, answer: Answer) -> Wake | None:
        """Give an exact answer its turn; steps answered in another way have none."""
        self.moves += 1
        gone = self._decider.matcher.take_settled()
        if self._tell is not None:
            lived = answer.mode is Mode.LIVE and answer.action == "live"
            changed = lived or answer.mode is Mode.SIMULATED or answer.borrowed is not None
            self._tell(used(gone, changed=changed))
        if answer.mode is Mode.LIVE and answer.action == "live":
            self._live.add(call.key)
            self._went_live = True
        if answer.place is not None and answer.mode is Mode.EXACT and answer.action != "live":
            self._points[call.key] = answer.place
            gone.remove(answer.place)
        return self._gate.leave(self._order.of_steps(gone)) if gone else None

    def _handed(self, answer: Answer, call: CallView) -> Served | Live:
        """What a decision means for the recorder; reads blocks, outside the lock."""
        try:
            return handed(
                self._answers,
                answer,
                call,
                replay=self._replay_info(call, answer),
                find=self._resolvers,
            )
        except ReplayError as error:
            with self._lock:
                self._halt(error, call.key)

    def _replay_info(self, call: CallView, answer: Answer) -> ReplayInfo:
        return ReplayInfo(
            session=self.spec.session,
            mode=answer.mode,
            match=answer.match,
            source=self._source(answer),
            rule=answer.rule,
            edit=answer.edit,
            taint=self._taints.of(call.strand, new=answer.taint),
            divergence=answer.deviation,
        )

    def _source(self, answer: Answer) -> SourceRef | None:
        if answer.place is None or answer.borrowed is not None:
            return answer.borrowed
        return self.recording.source(answer.place)

    def _halt(self, error: ReplayError, key: str) -> NoReturn:
        """Stop for good; called under the lock."""
        if self._stop is None:
            self._stop = error
            self._stopped_at = key
            if self._tell is not None:
                self._tell(stopped(error, key))
            for wake in self._gate.open():
                wake()
        raise self._again(self._stop) from None

    def _again(self, error: ReplayError) -> Diverged:
        key = self._stopped_at or ""
        kind = "diverged" if error.code in DIVERGENCES else "stopped"
        return Diverged(
            f"replay {kind} ({error.code}): {error.message}", key=key, reason=error.code
        )

    def _note_where_it_starts(self) -> None:
        findings = self._decider.findings
        if self.spec.kind == "fork" and not self.spec.baseline:
            findings.note("baseline_unproven", self.recording.start.run_id)
        if self.cut is not None and self.cut.snapped:
            findings.note("cut_snapped", self.cut.asked)

    def _made_origin(self) -> Origin:
        spec, cut = self.spec, self.cut
        edits: list[Value] = [edit.to_json() for edit in spec.edits]
        return Origin(
            run=self.recording.start.run_id,
            session=spec.session,
            kind=spec.kind,
            cut_key=None if cut is None else cut.used,
            cut_side=None if cut is None else cut.side,
            edits=self._kept(edits) if edits else None,
            policy=self._kept(spec.policy.to_json()),
        )

    def _kept(self, value: Value) -> str:
        return digest_text(encode(value, self.blocks.put))
