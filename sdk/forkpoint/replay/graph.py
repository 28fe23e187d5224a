"""Edits spread through a recorded run without its code: inputs that hold an edited answer change.

Which steps there are stays as recorded. An input that changed is signed again and answered by a
recorded call with exactly that input, by the policy's payload, or, where the policy says live and
it is a model, by asking it. Else the recorded answer stands and is marked `stale`. A new answer is
followed downstream in the same way; a reply that asks for other tools ends the replay.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from typing import cast

from msgspec.structs import replace

from forkpoint.errors import ReplayError
from forkpoint.events.kinds import Kind, Match, Mode, RunStatus
from forkpoint.events.model import ArtifactRef, Event, ReplayInfo, RunEnd, StepEnded, StepStarted
from forkpoint.replay.answers import read
from forkpoint.replay.cut import Cut
from forkpoint.replay.families import calls_of, family_of
from forkpoint.replay.footing import Footing
from forkpoint.replay.fresh import Ask, Executed, Found, Page, Reply, Seek, ended_with, signed
from forkpoint.replay.holders import Replacements, call_ids, texts_of
from forkpoint.replay.inputs import changed_parts
from forkpoint.replay.interception import Outcome
from forkpoint.replay.ladder import Climb, Executing, Given, Wanted
from forkpoint.replay.plan import spec_cut
from forkpoint.replay.prefix import Prefix
from forkpoint.replay.recording import Recording
from forkpoint.replay.reemit import Reemission
from forkpoint.replay.spec import ReplaySpec
from forkpoint.replay.taint import Taints


class Graph:
    """One propagation. `run` gives the new run's events to `page` and asks models on the way."""

    def __init__(
        self,
        recording: Recording,
        events: Sequence[tuple[int, Event]],
        spec: ReplaySpec,
        emission: Reemission,
        *,
        now: Callable[[], int],
    ) -> None:
        self.page = Page()
        self._recording, self._events, self._spec = recording, events, spec
        self._emission = emission
        cut = spec_cut(recording, spec)
        footing = Footing.of(recording, spec, cut, self.page, now=now)
        self._index, self._past = footing.index, footing.past
        self._edits, self._ladder = footing.edits, footing.ladder
        if cut is not None:
            self._begin_around(cut)
        self._answers = self._ladder.answers
        self._replaced = Replacements(self._ladder.get, self.page.blocks.put)
        self._taints = Taints()
        self._ids: Mapping[int, str] | None = None
        self._texts: list[tuple[int, str, Sequence[str]]] | None = None
        """Tool steps with the ids of their calls and the texts of their answers."""
        self._given: dict[str, Given] = {}
        """Recorded step id -> its answer, where it is another."""
        self._open: dict[str, StepStarted] = {}
        self._counts = Counter[str]()
        self._last_ns = emission.target.begins_ns
        self._rewritten: list[str] = []
        self._stale: list[str] = []
        self._matched = 0
        self._stop: ReplayError | None = None
        self._kept = 0
        """Events before this are the recording's own."""

    def _begin_around(self, cut: Cut) -> None:
        """The scopes around the cut have begun as recorded, though they are not over."""
        places = {step.step_id: place for place, step in enumerate(self._recording.started)}
        inner, place = cut.place, places.get(self._recording.started[cut.place].parent_id or "")
        while place is not None and place < inner:  # else its sender tells of a circle
            wanted = self._wanted(place, self._recording.parts(place))
            if place not in self._edits.places and self._ladder.treatment(wanted).transparent:
                self._past[place] = 1
            inner, place = place, places.get(self._recording.started[place].parent_id or "")

    def common(self) -> int:
        """The `seq` before which nothing will differ from the recording."""
        answers = self._edits.answers
        changing = (
            seq
            for place, seq in enumerate(self._recording.seqs)
            if not self._past[place] or place in answers
        )
        return next(changing, 0)

    def keep(self, prefix: Prefix) -> None:
        """Write nothing of a prefix; before `run`."""
        self._kept = prefix.until
        self._emission.keep(prefix)

    def run(self) -> Executing:
        """Write every event once; gives how it ended."""
        for seq, event in self._events:
            if seq < self._kept:
                self._pass(event)
            elif isinstance(event, StepStarted):
                yield from self._start(seq, event)
                self._open[event.step_id] = event
                if self._stop is not None:
                    self._close()
                    break
            elif isinstance(event, StepEnded) and event.step_id in self._given:
                self._end(seq, event)
            else:
                self._emit(self._emission.event(seq, event))
            if isinstance(event, StepEnded):
                self._open.pop(event.step_id, None)
        return self._executed()

    def _pass(self, event: Event) -> None:
        self._count(event, self._emission.moved(event.time_ns))
        if isinstance(event, StepStarted):
            self._matched += 1
            self._open[event.step_id] = event

    def _start(self, seq: int, event: StepStarted) -> Climb:
        place = self._recording.by_key[event.key]
        if self._past[place] and place not in self._edits.answers:
            self._matched += 1
            self._emit(self._emission.event(seq, event))
            return None
        roots, kind = self._inputs(place), event.kind
        changed = roots != self._recording.parts(place)
        given = yield from self._answer(place, roots, changed=changed)
        started = self._emission.event(seq, self._asking(event, roots) if changed else event)
        info = self._info(place, given, changed=changed)
        self._emit(replace(cast("StepStarted", started), replay=info))
        if changed:
            self._rewritten.append(event.key)
        elif given.how == "recorded":
            self._matched += 1
        if given.outcome is not None:
            self._given[event.step_id] = given
            self._follow(place, given.outcome, kind)
        return given

    def _end(self, seq: int, event: StepEnded) -> None:
        given = self._given[event.step_id]
        outcome = given.outcome or Outcome()
        ended = ended_with(event, outcome, self.page.answer(outcome), reply=given.reply)
        self._emit(self._emission.event(seq, ended))

    def _close(self) -> None:
        """End what is open where the replay stopped: the step that stopped it, then its scopes."""
        for event in reversed(list(self._open.values())):
            over = StepEnded(
                run_id=event.run_id,
                sequence_no=self._counts[str(event.writer)],
                time_ns=self._last_ns - self._emission.moved(0),
                writer=event.writer,
                step_id=event.step_id,
                status="cancelled",
            )
            given = self._given.get(event.step_id)
            if given is not None and given.outcome is not None:
                refs = self.page.answer(given.outcome)
                over = ended_with(over, given.outcome, refs, reply=given.reply)
            self._emit(self._emission.event(-1, over))

    # Inputs

    def _inputs(self, place: int) -> dict[str, str | None]:
        """Roots of a step's input parts with every edit and every replaced answer in them."""
        parts = self._recording.parts(place)
        roots = {
            part: None if root is None else self._replaced.rewritten(root)
            for part, root in parts.items()
        }
        edits = self._edits.of_input(place, self._recording.types[place][0], after_cut=True)
        if not edits:
            return roots

        def value(part: str) -> object:
            return read(str(roots[part]), self._ladder.get)

        for part, new in changed_parts(edits, value, parts).items():
            roots[part] = self.page.store(part, new).root
        return roots

    def _asking(self, event: StepStarted, roots: Mapping[str, str | None]) -> StepStarted:
        """A start whose input changed: other roots, signed again."""
        artifacts = [ref for ref in event.artifacts if ref.role[6:] not in roots]
        sizes = {ref.role: ref.size for ref in event.artifacts}
        named = [
            _ref(f"input.{part}", root, sizes.get(f"input.{part}", 0))
            for part, root in roots.items()
        ]
        whole = {part: root for part, root in roots.items() if root is not None}
        signature = signed(event.kind, event.name, whole) if len(whole) == len(roots) else None
        return replace(event, artifacts=(*artifacts, *named), signature=signature, delta=None)

    # Answers

    def _answer(
        self, place: int, roots: Mapping[str, str | None], *, changed: bool
    ) -> Generator[Ask | Seek, Reply | Found | None, Given]:
        if place in self._edits.answers:
            number, edit = self._edits.answers[place]
            outcome = self._answers.edited(place, edit)
            return Given("given", Mode.SIMULATED, outcome, taint="simulated", edit=number)
        wanted = self._wanted(place, roots)
        treatment = self._ladder.treatment(wanted)
        if treatment.transparent:
            return Given("recorded", Mode.CACHED)
        if not changed and treatment.mode in (Mode.EXACT, Mode.CACHED):
            self._ladder.used[place] = 1
            return Given("recorded", treatment.mode, rule=treatment.rule)
        try:
            given = yield from self._ladder.climb(wanted, treatment)
        except ReplayError as error:
            self._halt(error.code, error.message, place)
            given = None
        if given is not None:
            return given
        self._stale.append(self._recording.started[place].key)
        return Given("stale", Mode.CACHED, taint="approximate", rule=treatment.rule)

    def _wanted(self, place: int, roots: Mapping[str, str | None]) -> Wanted:
        step = self._recording.started[place]
        kind, name = self._recording.types[place]
        return Wanted(
            kind=kind,
            name=name,
            key=step.key,
            strand=step.strand,
            roots=roots,
            place=place,
            site=step.site,
            effect=step.effect,
            codec=step.codec,
        )

    def _follow(self, place: int, new: Outcome, kind: Kind) -> None:
        """Carry a new answer downstream; one with other tool calls has nothing to go on with."""
        old = self._answers.recorded(place)
        if kind is Kind.MODEL and new.error is None and _calls(new) != _calls(old):
            self._halt("new_tool_call", "the new reply asks for other tools than recorded", place)
        if kind is not Kind.MODEL:
            self._replaced.tell_apart(old, self._others(place))
        self._replaced.add(old, new, call_id=self._call_ids().get(place))

    def _others(self, place: int) -> Iterator[tuple[str, Sequence[str]]]:
        """The texts of all other tool calls, with the ids of the calls."""
        if self._texts is None:
            self._texts = [
                (other, call_id, texts_of(self._answers.recorded(other)))
                for other, call_id in self._call_ids().items()
            ]
        for other, call_id, texts in self._texts:
            if other != place:
                yield call_id, texts

    def _call_ids(self) -> Mapping[int, str]:
        """The ids of the calls that tool steps answered, all found at once."""
        if self._ids is None:
            self._ids = call_ids(self._recording, self._index, self._answers)
        return self._ids

    # What it says

    def _info(self, place: int, given: Given, *, changed: bool) -> ReplayInfo:
        step = self._recording.started[place]
        source = self._recording.source(place if given.source is None else given.source)
        agrees = not changed and given.how == "recorded"
        taint = self._taints.of(step.strand, new=given.taint)
        return ReplayInfo(
            session=self._spec.session,
            mode=given.mode,
            match=Match.EXACT
            if agrees
            else Match.MOVED
            if given.source is not None or given.borrowed is not None
            else Match.NONE,
            source=given.borrowed or source,
            rule=given.rule,
            edit=given.edit,
            executor=self._emission.target.executor,
            taint=taint,
            divergence="stale" if given.how == "stale" else None,
        )

    def _executed(self) -> Executed:
        stop = self._stop
        end = self._closing() if stop is None else self._stopped()
        said: dict[str, object] = {"rewritten": self._rewritten, "stale": self._stale}
        key = None if stop is None else str(stop.details.get("key"))
        return Executed(
            end=end,
            stop=None if stop is None else stop.code,
            message=None if stop is None else stop.message,
            key=key,
            source_key=key,
            matched=self._matched,
            said=said,
            spend=self._ladder.purse.used(),
        )

    def _closing(self) -> RunEnd | None:
        """The recorded end; the run's output holds what it would hold now."""
        end = self._recording.end
        if end is None:
            return None
        artifacts = [
            ref
            if ref.role != "output" or ref.root is None
            else _ref(ref.role, self._replaced.rewritten(ref.root), ref.size)
            for ref in end.artifacts
        ]
        return replace(end, artifacts=tuple(artifacts))

    def _stopped(self) -> RunEnd:
        return RunEnd(
            run_id=self._recording.start.run_id,
            status=RunStatus.CANCELLED,
            ended_ns=self._last_ns - self._emission.moved(0),
            events=dict(self._counts),
        )

    def _halt(self, code: str, why: str, place: int) -> None:
        if self._stop is None:
            key = self._recording.started[place].key
            self._stop = ReplayError(why, code=code, key=key)

    def _emit(self, event: Event) -> None:
        self.page.events.append(event)
        self._count(event, event.time_ns)

    def _count(self, event: Event, time_ns: int) -> None:
        self._counts[str(event.writer)] += 1
        self._last_ns = max(self._last_ns, time_ns)


def _ref(role: str, root: str | None, size: int) -> ArtifactRef:
    return ArtifactRef(role=role, root=root, size=size)


def _calls(outcome: Outcome) -> list[tuple[str, object]]:
    family = family_of(outcome.output)
    if family is None:
        return []
    return [(call.name, call.args) for call in calls_of(family, outcome.output)]
