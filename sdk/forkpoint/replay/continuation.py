"""A proved tool-calling loop goes on after a cut, without its code.

While each call is the recorded one, the recording is written again. From the first call that is
another (an edit, a live model, a rule) turns are made: the model is answered by the ladder of the
policy, a tool by a recorded call of equal name and arguments, else by an edit or a payload. What
nobody can answer stops the loop with `needs_tool_output`; a session that resumes it brings the
answer as an edit at the key it stopped at. Tools never run. What follows the loop is not made.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass

from forkpoint.content.blocks import Value
from forkpoint.errors import ReplayError
from forkpoint.events.kinds import Kind, Mode, RunStatus
from forkpoint.events.model import Event, RunEnd, StepStarted
from forkpoint.replay.aftermath import Aftermath
from forkpoint.replay.answering import Answering
from forkpoint.replay.cut import Cut
from forkpoint.replay.dialogue import Dialogue, new_only
from forkpoint.replay.families import family_of
from forkpoint.replay.footing import Footing
from forkpoint.replay.fresh import Ask, Executed, Found, Page, Reply, Seek
from forkpoint.replay.interception import Outcome
from forkpoint.replay.ladder import Executing, Given
from forkpoint.replay.loop import prove
from forkpoint.replay.newsteps import NewSteps
from forkpoint.replay.plan import spec_cut
from forkpoint.replay.prefix import Prefix
from forkpoint.replay.program import Due, Program
from forkpoint.replay.recording import Recording
from forkpoint.replay.reemit import Reemission
from forkpoint.replay.spec import ReplaySpec
from forkpoint.replay.turns import Turn

MOST_TURNS = 50
_WORDS = {
    Mode.EXACT: "recorded",
    Mode.CACHED: "recorded",
    Mode.SIMULATED: "given",
    Mode.LIVE: "live",
}
_SERVED = frozenset({Mode.EXACT, Mode.CACHED})
Making = Generator[Ask | Seek, Reply | Found | None, None]


@dataclass(slots=True)
class _Ending:
    """How the loop comes to its end, once it does."""

    left: bool = False
    """Whether it made calls of its own."""
    status: RunStatus | None = None
    """None: it has not ended by itself."""
    error_class: str | None = None
    stop: ReplayError | None = None
    step: str | None = None
    """The step that is open."""


class Continuation:
    """One loop of one recording, continued from a cut. `run` writes the new run to `page`."""

    def __init__(
        self,
        recording: Recording,
        events: Sequence[tuple[int, Event]],
        spec: ReplaySpec,
        emission: Reemission,
        *,
        now: Callable[[], int],
    ) -> None:
        cut = spec_cut(recording, spec)
        if cut is None:
            raise ReplayError("a loop is continued from a cut: name a step", code="cut_invalid")
        self.page = Page()
        self._recording, self._events = recording, events
        footing = Footing.of(recording, spec, cut, self.page, now=now, growing=True)
        self._index, self._past = footing.index, footing.past
        self._edits, self._ladder = footing.edits, footing.ladder
        if cut.place in self._edits.places:
            self._past[cut.place] = 0
        self._proof = prove(recording, cut.place)
        self._scope = self._proof.turns.scope
        self._ladder.used[:] = self._past
        self._answering = Answering(recording, self._edits, self._ladder)
        self._steps = NewSteps(recording, emission, spec, self.page, like=cut.place)
        self._aftermath = Aftermath(recording, self._index, cut, self._steps, self._scope)
        self._emission, self._kept = emission, 0
        self._turns_made = 0
        self._made = Counter[tuple[str, str]]()
        self._ending = _Ending()
        turn = self._turn_of(cut)
        sink = new_only(recording, self.page.blocks.put)
        self._talk = Dialogue(recording, self._proof, turn, self._ladder.get, sink)
        self._program = Program(
            recording, self._proof, self._talk, self._edits, self.page, self._ladder.get
        )
        self._take_over(self._proof.turns.turns[turn])

    def common(self) -> int:
        """The `seq` before which nothing will differ from the recording."""
        if self._answered_by_edit():
            return 0
        return next((seq for seq, event in self._events if self._own(event) is not None), 0)

    def keep(self, prefix: Prefix) -> None:
        """Write nothing of a prefix; before `run`."""
        self._kept = prefix.until
        self._emission.keep(prefix)

    def run(self) -> Executing:
        """Write every event once; gives how it ended."""
        try:
            if self._walk():
                while not self._finished():
                    yield from self._make(self._program.next())
        except ReplayError as error:
            self._ending.stop = error
        return self._executed()

    # While each call is the recorded one

    def _walk(self) -> bool:
        """Write the recording again up to the first call that is another; whether there is one."""
        written: set[str] = set()
        more = self._answered_by_edit()
        for at, (seq, event) in enumerate(self._events):
            own = self._own(event)
            due = None if own is None or more else self._program.next()
            if more or (due is not None and not self._as_recorded(due, own)):
                self._aftermath.leave(self._events[at:], written)
                more = True
                break
            if isinstance(event, StepStarted):
                written.add(event.step_id)
            if seq < self._kept:
                self._steps.keep(event)
                continue
            if due is None or own is None:
                self._steps.again(seq, event)
                self._steps.matched += isinstance(event, StepStarted)
                continue
            self._serve(seq, event, due, own)
            more = self._answered_by_edit()
        self._ending.left = more
        return more

    def _own(self, event: Event) -> int | None:
        """The step of the loop after the cut that an event begins."""
        if not isinstance(event, StepStarted):
            return None
        place = self._recording.by_key[event.key]
        own = self._recording.scopes[place] == self._scope and not self._past[place]
        return place if own else None

    def _answered_by_edit(self) -> bool:
        """Whether the recording of the loop is used up, and an edit answers what comes next."""
        used_up = self._program.count == len(self._index.slots[self._scope])
        key = self._program.key
        return used_up and key in self._edits.new_answers and not self._talk.over

    def _as_recorded(self, due: Due, place: int | None) -> bool:
        wanted = due.wanted
        if place is None or wanted.place != place or wanted.signature is None:
            return False
        step = self._recording.started[place]
        if (wanted.key, wanted.signature) != (step.key, step.signature):
            return False
        return place not in self._edits.places and self._answering.treatment(wanted).mode in _SERVED

    def _serve(self, seq: int, event: Event, due: Due, place: int) -> None:
        self._steps.again(seq, event, treatment=self._answering.treatment(due.wanted))
        self._ladder.used[place] = 1
        self._steps.matched += 1
        self._advance(due, self._ladder.answers.recorded(place), place)

    # Where the loop stands

    def _take_over(self, turn: Turn) -> None:
        """Bring dialogue and program to where the cut is in its turn."""
        slots = self._index.slots[self._scope]
        self._program.count = sum(self._past[place] for place in slots)
        if not self._past[turn.model]:
            return
        answers = self._ladder.answers
        self._talk.reply(turn.output, place=turn.model)
        for number, place in enumerate(turn.answers):
            if place is not None and self._past[place]:
                self._talk.answer(number, answers.recorded(place), place=place)

    def _turn_of(self, cut: Cut) -> int:
        turns = self._proof.turns.turns
        found = [n for n, turn in enumerate(turns) if cut.place in (turn.model, *turn.answers)]
        if not found:
            raise ReplayError(f"{cut.used} is no step of a turn", code="cut_invalid", key=cut.used)
        return found[0]

    def _finished(self) -> bool:
        """Whether the loop has ended by itself; raises where it has to be ended."""
        if self._ending.status is not None or self._talk.over:
            return True
        turn, last = self._talk.open, self._proof.turns.turns[-1]
        key = self._program.key
        if turn is None:
            recorded = len(self._proof.turns.turns)
            if self._turns_made >= min(MOST_TURNS, 2 * recorded + 4):
                why = f"{self._turns_made} turns were made after the cut"
                raise ReplayError(why, code="loop_limit", key=key)
            if self._talk.stuck:
                raise ReplayError(
                    "the last turns were all the same", code="loop_no_progress", key=key
                )
            return False
        said_last = not turn.calls and not last.answers and turn.output == last.output
        return said_last and key not in self._edits.new_answers

    # Calls nobody recorded at their place

    def _make(self, due: Due) -> Making:
        """Make one call: ask for its answer, write it down, go on with it."""
        try:
            given = yield from self._answering.answer(due.wanted)
        except ReplayError:
            self._begin(due, None)
            raise
        if due.wanted.kind is Kind.MODEL:
            self._turns_made += 1
        step = self._begin(due, given)
        late = self._edits.delays.get(due.wanted.place, 0) if due.wanted.place is not None else 0
        self._steps.end(step, due.wanted, given, late_s=late)
        self._ending.step = None
        place = due.wanted.place if given.source is None else given.source
        outcome = given.outcome
        if outcome is None and place is not None:
            outcome = self._ladder.answers.recorded(place)
        self._made[due.wanted.kind.value, _WORDS[given.mode]] += 1
        is_own = given.how == "recorded" and given.borrowed is None
        self._advance(due, outcome or Outcome(), place if is_own else None)

    def _begin(self, due: Due, given: Given | None) -> str:
        step = self._steps.begin(
            due.wanted,
            given,
            like=due.like,
            refs=due.refs,
            model=self._program.model_of(due),
            delta=due.delta,
        )
        self._ending.step = step
        return step

    def _advance(self, due: Due, outcome: Outcome, place: int | None) -> None:
        """Go on with an answer; `place`: the recorded step it is from, if it is from one."""
        self._program.count += 1
        wanted = due.wanted
        if wanted.kind is not Kind.MODEL:
            self._talk.answer(due.number, outcome, place=place)
            last = place == self._index.slots[self._scope][-1]
            if last and self._talk.open is None and not self._recording.prefix:
                self._ending.status = RunStatus.OK  # after this very answer the program ended
        elif outcome.status == "cancelled":
            self._ending.status = RunStatus.CANCELLED
        elif outcome.error is not None:
            self._ending.status = RunStatus.ERROR
            self._ending.error_class = str(outcome.error.get("class") or "RuntimeError")
        elif family_of(outcome.output) != self._talk.family:
            raise ReplayError(
                f"the answer is no reply of the form {self._talk.family}, so the loop cannot go on",
                code="simulator_failed",
                key=wanted.key,
            )
        else:
            own = place is not None and place == wanted.place
            self._talk.reply(outcome.output, place=place if own else None)

    # What it says

    def _executed(self) -> Executed:
        stop = self._ending.stop
        key = None if stop is None else str(stop.details.get("key") or "") or None
        return Executed(
            end=self._end(),
            stop=None if stop is None else stop.code,
            message=None if stop is None else stop.message,
            key=key,
            source_key=key if key in self._recording.by_key else None,
            matched=self._steps.matched,
            said={"loop": self._said()},
            spend=self._ladder.purse.used(),
        )

    def _end(self) -> RunEnd | None:
        ending = self._ending
        if not ending.left and ending.stop is None:
            return self._recording.end
        status = RunStatus.CANCELLED if ending.stop else ending.status or RunStatus.OK
        if ending.step is not None:
            self._steps.close(ending.step, "cancelled", writer=self._steps.writer)
        turns = self._proof.turns.turns

        def derived(root: str) -> Value:
            if turns[-1].output is None:
                return None
            return self._talk.derived(root, [turn.output for turn in turns])

        return self._aftermath.close(status, ending.error_class, derived, self.page)

    def _said(self) -> dict[str, object]:
        """What was made and how, and what was not."""
        made: dict[str, dict[str, int]] = {}
        for (kind, how), count in sorted(self._made.items()):
            made.setdefault(kind, {})[how] = count
        answers = [*self._edits.answers.values(), *self._edits.new_answers.values()]
        return {
            **self._proof.to_json(),
            "continued": self._ending.left,
            "made": made,
            "replaced": self._aftermath.replaced,
            "notExecuted": self._aftermath.not_executed,
            "unusedEdits": sorted({number for number, _ in answers} - self._answering.used_edits),
            "needs": self._answering.needs,
        }
