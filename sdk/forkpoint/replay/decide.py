"""One decision per call: which mode it has, and which answer that mode gives it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import msgspec

from forkpoint.errors import ReplayError
from forkpoint.events.kinds import Match, Mode
from forkpoint.events.model import SourceRef
from forkpoint.replay.answers import readable
from forkpoint.replay.asked import Asked, Masking, Reader
from forkpoint.replay.cut import Cut
from forkpoint.replay.edits import Edit, Numbered
from forkpoint.replay.effects import WRITES
from forkpoint.replay.elsewhere import OFFLINE, Elsewhere, seek_of
from forkpoint.replay.explain import divergence_of, with_changes
from forkpoint.replay.findings import Findings
from forkpoint.replay.fresh import Seek
from forkpoint.replay.index import Index
from forkpoint.replay.interception import CallView, Outcome
from forkpoint.replay.lend import Lender
from forkpoint.replay.licence import Licence
from forkpoint.replay.match import Matcher
from forkpoint.replay.policy import Fault, Simulate
from forkpoint.replay.recording import Recording
from forkpoint.replay.simulate import error_value, payload
from forkpoint.replay.spec import ReplaySpec

Action = Literal["recorded", "edited", "given", "live"]


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What was decided for a call. Blocks are read later, outside the lock."""

    action: Action
    mode: Mode
    match: Match = Match.NONE
    place: int | None = None
    """The recorded step this call stands for."""
    outcome: Outcome | None = None
    """Of a `given` answer."""
    rule: int | None = None
    edit: int | None = None
    change: Edit | None = None
    """Of an `edited` answer."""
    deviation: str | None = None
    taint: str | None = None
    delay_s: float = 0
    borrowed: SourceRef | None = None
    """The step of another run a `given` answer is from."""
    resolver: str | None = None
    """Function of the host that gives the outcome, or runs in the place of the body."""


class Decider:
    """The state of one replay. Not thread-safe: the session holds a lock around it."""

    def __init__(
        self,
        recording: Recording,
        index: Index,
        spec: ReplaySpec,
        cut: Cut | None,
        *,
        now: Callable[[], int],
        masking: Masking,
        elsewhere: Elsewhere = OFFLINE,
    ) -> None:
        self.matcher = Matcher(recording, index)
        self.reader = Reader(recording, index, self.matcher, spec, cut, masking=masking)
        self.licence = Licence(spec, recording, now)
        self.findings = Findings()
        self.interventions = 0
        """Steps answered live, by payload or by edit."""
        self._recording = recording
        self._lender = Lender(recording, index, now)
        self._elsewhere = elsewhere
        self._policy = spec.policy
        self._modes = {
            Mode.EXACT: self._exact,
            Mode.CACHED: self._cached,
            Mode.SIMULATED: self._simulated,
            Mode.LIVE: self._live,
        }

    def decide(self, call: CallView) -> Answer:
        """The answer of a call; `ReplayError` with a divergence or stop code when there is none."""
        asked = self.reader.read(call)
        answer = self._decided(asked)
        delay = self.reader.edits.delays.get(-1 if asked.paired is None else asked.paired)
        if delay is None:
            return answer
        self.interventions += 1
        return msgspec.structs.replace(answer, delay_s=answer.delay_s + delay)

    def _decided(self, asked: Asked) -> Answer:
        paired = asked.paired
        if paired is not None and paired in self.reader.edits.answers:
            return self._edited(asked, paired)
        body = None if asked.before else self.reader.edits.bodies.get(asked.kind)
        if body is not None:
            return self._replaced(asked, body)
        if asked.treatment.transparent:
            return self._entered(asked)
        if asked.edits:
            return self._with_edited_input(asked)
        return self._modes[Mode.EXACT if asked.before else asked.treatment.mode](asked)

    # The modes

    def _edited(self, asked: Asked, place: int) -> Answer:
        number, edit = self.reader.edits.answers[place]
        self._move_past(asked)
        self.matcher.elide(place)
        self.interventions += 1
        return _answer(
            asked,
            "edited",
            Mode.SIMULATED,
            place=place,
            edit=number,
            change=edit,
            taint="simulated",
        )

    def _replaced(self, asked: Asked, body: Numbered) -> Answer:
        """Another function runs in the place of this one."""
        number, edit = body
        if asked.call.codec is not None:
            raise _stop("simulator_failed", "only functions that are decorated can be replaced")
        self._move_past(asked)
        if asked.paired is not None:
            self.matcher.elide(asked.paired)
        self.interventions += 1
        return msgspec.structs.replace(
            _answer(
                asked, "live", Mode.SIMULATED, place=asked.paired, edit=number, taint="simulated"
            ),
            resolver=str(edit.value),
        )

    def _entered(self, asked: Asked) -> Answer:
        """A scope: its body runs, the calls inside are answered one by one."""
        found, key = asked.found, asked.call.key
        exact = asked.before or asked.treatment.mode is Mode.EXACT
        if found.deviation is not None and exact:
            self._deviate(asked)
        self.matcher.consume(asked.call.scope, found)
        self.matcher.enter(key, found.place)
        if found.place is not None:
            recorded = self._recording.started[found.place].signature
            if recorded != asked.call.signature:
                self.findings.note("scope_input", key)
        return _answer(asked, "live", Mode.EXACT if exact else Mode.CACHED, place=found.place)

    def _exact(self, asked: Asked) -> Answer:
        found = asked.found
        if found.deviation is None:
            return self._serve(asked, Mode.EXACT)
        over = found.expected is None and found.place is None
        if over and self._recording.prefix:
            raise _stop("end_of_recording", "the recording was cut short here")
        self._deviate(asked)
        if found.place is not None:
            return self._serve(asked, Mode.EXACT)
        self.matcher.pass_over(found)
        return self._ladder(asked, "no_answer", "no rung of `on_miss` has an answer")

    def _cached(self, asked: Asked) -> Answer:
        place = asked.found.place
        if place is not None and self._recording.ended[place] is not None:
            return self._serve(asked, Mode.CACHED)
        return self._found(asked) or self._ladder(
            asked, "no_answer", "no recorded answer to this input is left"
        )

    def _simulated(self, asked: Asked) -> Answer:
        answer = self._payload(asked)
        if answer is None:
            raise _stop("simulator_failed", "the policy names no payload for this call")
        return answer

    def _live(self, asked: Asked) -> Answer:
        refused = self.licence.refusal(asked)
        if refused is not None:
            raise _stop(refused, "the policy does not allow this live call")
        if asked.treatment.effect in WRITES:
            done = self._fenced(asked)
            if done is not None:
                return done
        self.licence.begin(asked)
        self._move_past(asked)
        self.matcher.enter(asked.call.key, asked.paired)
        self.interventions += 1
        taint = "redacted_input" if asked.call.masked() else "live"
        return _answer(asked, "live", Mode.LIVE, place=asked.paired, taint=taint)

    def _with_edited_input(self, asked: Asked) -> Answer:
        """An edited input: a recorded answer to it, else what mode and ladder say."""
        self.interventions += 1
        if asked.treatment.mode is Mode.SIMULATED:
            return self._simulated(asked)
        if asked.treatment.mode is Mode.LIVE:
            return self._live(asked)
        if asked.found.place is not None and asked.signature == asked.call.signature:
            return self._serve(asked, Mode.CACHED)
        return self._found(asked) or self._ladder(
            asked, "no_answer", "nothing recorded answers the edited input"
        )

    # Their answers

    def _serve(self, asked: Asked, mode: Mode) -> Answer:
        found, place = asked.found, asked.found.place
        if place is None or self._recording.ended[place] is None:
            raise _stop("end_of_recording", "the step was in flight when the recording ended")
        if not readable(self._recording, place):
            return self._ladder(asked, "payload_withheld", "its recorded answer was withheld")
        if found.contended:
            self.findings.note("contended", asked.call.key)
        self.matcher.consume(asked.call.scope, found)
        self.matcher.elide(place)
        return _answer(asked, "recorded", mode, place=place)

    def _borrowed(self, asked: Asked) -> Answer | None:
        """The answer of an equal call made elsewhere in the recording."""
        place = self._lender.find(asked, self.matcher.used)
        if place is None:
            return None
        self._move_past(asked)
        if not self.matcher.used[place]:
            self.matcher.borrow(place)
            self.matcher.elide(place)
        return _answer(asked, "recorded", Mode.CACHED, place=place, match=Match.MOVED)

    def _found(self, asked: Asked) -> Answer | None:
        """The answer of an equal call made elsewhere: in the recording, else in other runs."""
        return self._borrowed(asked) or self._from_elsewhere(asked)

    def _from_elsewhere(self, asked: Asked) -> Answer | None:
        seek = self._seek(asked)
        found = None if seek is None else self._elsewhere.find(seek)
        if found is None:
            return None
        self._move_past(asked)
        if asked.paired is not None:
            self.matcher.elide(asked.paired)
        self.interventions += 1
        answer = _answer(asked, "given", Mode.CACHED, place=None, match=Match.MOVED)
        return msgspec.structs.replace(answer, outcome=found.outcome, borrowed=found.source)

    def _seek(self, asked: Asked) -> Seek | None:
        call = asked.call
        return seek_of(self._recording, asked.treatment, call.kind, call.name, asked.signature)

    def _payload(self, asked: Asked) -> Answer | None:
        if asked.treatment.simulate is None:
            return None
        call = asked.call
        late = _latency_alone(asked.treatment.simulate)
        if late is not None and asked.found.place is not None:
            self.interventions += 1
            return msgspec.structs.replace(self._serve(asked, Mode.SIMULATED), delay_s=late)
        made = payload(asked.treatment.simulate, inputs_of(asked), codec=call.codec)
        if made.error is not None:
            outcome = Outcome(error=made.error, status="error")
            return msgspec.structs.replace(self._given(asked, outcome), delay_s=made.delay_s)
        if made.resolver is not None:
            return msgspec.structs.replace(self._given(asked, None), resolver=made.resolver)
        return self._given(asked, Outcome(output=made.output))

    def _error_result(self, asked: Asked) -> Answer:
        message = f"no recorded answer for {asked.call.kind} {asked.call.name}"
        error = error_value("LookupError", message)
        return self._given(asked, Outcome(error=error, status="error"))

    def _given(self, asked: Asked, outcome: Outcome | None) -> Answer:
        self._move_past(asked)
        if asked.paired is not None:
            self.matcher.elide(asked.paired)
        self.interventions += 1
        return _answer(
            asked, "given", Mode.SIMULATED, place=asked.paired, outcome=outcome, taint="simulated"
        )

    def _ladder(self, asked: Asked, code: str, why: str) -> Answer:
        """The rungs of `on_miss` in turn; `code` says why the first answer was missing."""
        for rung in asked.treatment.on_miss:
            answer: Answer | None = None
            if rung == "halt":
                break
            if rung == "cached":
                answer = self._found(asked)
            elif rung == "simulated":
                answer = self._payload(asked)
            elif rung == "error_result":
                answer = self._error_result(asked)
            elif self.licence.refusal(asked) is None:
                answer = self._live(asked)
            if answer is not None:
                return answer
        raise _stop(code, why + self._not_looked_at(asked))

    def _not_looked_at(self, asked: Asked) -> str:
        if self._elsewhere is not OFFLINE or self._seek(asked) is None:
            return ""
        return f"; other runs (scope: {asked.treatment.scope}) are not at hand offline"

    def _fenced(self, asked: Asked) -> Answer | None:
        passage = self.licence.passage(asked, self.matcher.used)
        if passage.verdict == "go":
            return None
        if passage.verdict != "served" or passage.place is None:
            raise _stop(passage.verdict, "the recording already holds this write")
        self._move_past(asked)
        if not self.matcher.used[passage.place]:
            self.matcher.borrow(passage.place)
        return _answer(
            asked, "recorded", Mode.LIVE, place=passage.place, match=Match.INTENT, taint="intent"
        )

    def _move_past(self, asked: Asked) -> None:
        """Leave the recorded step at this call's place behind, whoever answers."""
        self.matcher.consume(asked.call.scope, asked.found)
        self.matcher.pass_over(asked.found)

    def _deviate(self, asked: Asked) -> None:
        """Note that an exact call does not agree; raise unless the policy goes on."""
        jumped = self.matcher.jumped(asked.found)
        divergence = divergence_of(asked, self._recording, jumped)
        if not self.findings.divergences:  # the one that is reported in full
            divergence = with_changes(divergence, asked.call, self._recording.get)
        self.findings.diverge(divergence)
        if asked.found.place is not None and self._policy.allow_shift:
            return
        if asked.before or self._policy.on_divergence == "halt":
            raise ReplayError(divergence.message, code=divergence.reason)


def inputs_of(asked: Asked) -> dict[str, object]:
    """The input parts of a call by name, edits made."""
    call = asked.call
    return {**{part: call.value(part) for part in call.parts}, **asked.changed}


def _latency_alone(simulate: Simulate) -> float | None:
    fault = simulate.fault
    if not isinstance(fault, Fault) or fault.error is not None or fault.timeout_s is not None:
        return None
    return fault.latency_s


def _answer(
    asked: Asked,
    action: Action,
    mode: Mode,
    *,
    place: int | None,
    match: Match | None = None,
    outcome: Outcome | None = None,
    edit: int | None = None,
    change: Edit | None = None,
    taint: str | None = None,
) -> Answer:
    if edit is None and asked.edits:
        edit = asked.edits[0][0]
    return Answer(
        action=action,
        mode=mode,
        match=asked.found.match if match is None else match,
        place=place,
        outcome=outcome,
        rule=asked.rule,
        edit=edit,
        change=change,
        deviation=asked.found.deviation,
        taint=taint,
    )


def _stop(code: str, why: str) -> ReplayError:
    return ReplayError(why, code=code)
