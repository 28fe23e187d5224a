"""A call with everything that decides its answer: recorded step, side of the cut, rule, edits."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from forkpoint.content.blocks import Value, digest_from_text, digest_text
from forkpoint.content.encode import encode
from forkpoint.content.signature import signature as sign
from forkpoint.errors import ReplayError
from forkpoint.events.kinds import Match
from forkpoint.replay.answers import read
from forkpoint.replay.cut import Cut, past
from forkpoint.replay.edits import EditPlan, Numbered
from forkpoint.replay.forms import same_but_for_forms
from forkpoint.replay.index import Index
from forkpoint.replay.inputs import changed_parts
from forkpoint.replay.interception import CallView
from forkpoint.replay.match import Found, Matcher
from forkpoint.replay.recording import Recording, StepType
from forkpoint.replay.rules import CallFacts, Rules, Treatment
from forkpoint.replay.shapes import same_shape
from forkpoint.replay.spec import ReplaySpec
from forkpoint.replay.tokens import TokenOf, same_but_masked


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """A call with everything the modes look at."""

    call: CallView
    kind: StepType
    found: Found
    before: bool
    """Whether it lies before the cut."""
    treatment: Treatment
    edits: tuple[Numbered, ...] = ()
    """Edits of its input."""
    signature: str | None = None
    """Of the input as edited."""
    changed: dict[str, Value] = {}
    """Parts the recorder has not changed itself."""

    @property
    def paired(self) -> int | None:
        """The recorded step at this call's place, whether or not it asks the same."""
        found = self.found
        if found.place is None and found.deviation == "input_changed":
            return found.expected
        return found.place

    @property
    def rule(self) -> int | None:
        """The rule that decides; before the cut none does."""
        return None if self.before else self.treatment.rule


class Masking(msgspec.Struct, frozen=True):
    """Under which keys the recording and this process mask."""

    recorded: str | None
    ours: str | None
    token_of: TokenOf | None = None

    @property
    def foreign(self) -> bool:
        """Whether the two keys differ, so that tokens cannot be compared."""
        return None not in (self.recorded, self.ours) and self.recorded != self.ours


class Reader:
    """Makes `Asked` of calls, by the matcher of one replay."""

    def __init__(
        self,
        recording: Recording,
        index: Index,
        matcher: Matcher,
        spec: ReplaySpec,
        cut: Cut | None,
        *,
        masking: Masking,
    ) -> None:
        self.edits = EditPlan(spec.edits, recording, cut)
        self._recording = recording
        self._masking = masking
        self._normalise = spec.policy.normalise
        self._allow_shape = spec.policy.allow_shape_match
        self._index = index
        self._matcher = matcher
        self._rules = Rules(spec.policy)
        self._fork = spec.kind == "fork"
        self._edited = bool(spec.edits)
        self._cut = cut
        self._reached = cut is None
        self._past = None if cut is None else past(recording, index, cut)
        self._patched: set[str] = set()
        if cut is not None:
            self._refuse_past_edits(cut, recording)

    def read(self, call: CallView) -> Asked:
        """What is asked; nothing is consumed."""
        kind = (call.kind, call.name)
        found = self._matcher.find(call.scope, kind, call.signature)
        if found.deviation == "input_changed":
            if self._masking.foreign:
                found = self._by_shape(call, found)
            elif self._masking.token_of is not None:
                found = self._by_token(call, found, self._masking.token_of)
            if found.deviation is not None and self._normalise:
                found = self._by_form(call, found)
        before = self._past is not None and self._is_before(found, self._past)
        treatment = self._rules.resolve(
            CallFacts(
                kind=call.kind,
                name=call.name,
                site=call.site,
                strand=call.strand,
                key=call.key,
                effect=call.effect,
                after_cut=self._fork and not before,
            )
        )
        if treatment.transparent:
            found = self._matcher.find_scope(call.scope, kind, call.signature)
        asked = Asked(
            call=call,
            kind=kind,
            found=found,
            before=before,
            treatment=treatment,
            signature=call.signature,
        )
        if self._cut is not None and asked.paired == self._cut.place:
            self._reached = True
        return self._with_edits(asked) if self._edited else asked

    def leave_to_recorder(self, call: CallView) -> dict[str, Value]:
        """New input parts for the recorder to put in place before it signs the call again."""
        changed = self.read(call).changed
        if changed:
            self._patched.add(call.key)
        return changed

    @property
    def reached(self) -> bool:
        """Whether the run has come to the cut."""
        return self._reached

    def is_past(self, place: int) -> bool:
        """Whether a recorded step lies before the cut."""
        return self._past is not None and bool(self._past[place])

    def is_awaited(self, place: int) -> bool:
        """Whether a fork is none unless this step is called: the cut, edited steps, the past."""
        at_cut = self._cut is not None and place == self._cut.place
        return at_cut or place in self.edits.places or self.is_past(place)

    def _with_edits(self, asked: Asked) -> Asked:
        call = asked.call
        edits = self.edits.of_input(asked.paired, call.kind, after_cut=not asked.before)
        if not edits:
            return asked
        changed: dict[str, Value] = {}
        if call.key not in self._patched:
            changed = changed_parts(edits, call.value, call.parts)
        signature = _signed(call, changed) if changed else call.signature
        return msgspec.structs.replace(
            asked, edits=tuple(edits), signature=signature, changed=changed
        )

    def _by_token(self, call: CallView, found: Found, token_of: TokenOf) -> Found:
        """A call masked by other rules than its recording: equal but for what is masked."""
        return self._equal_by(
            call,
            found,
            lambda _part, before, after: same_but_masked(before, after, token_of),
            Match.TOKEN,
        )

    def _by_form(self, call: CallView, found: Found) -> Found:
        """A call that differs only where the policy compares forms."""
        return self._equal_by(
            call,
            found,
            lambda part, before, after: same_but_for_forms(part, before, after, self._normalise),
            Match.SHAPE,
        )

    def _equal_by(
        self,
        call: CallView,
        found: Found,
        same: Callable[[str, object, object], bool],
        match: Match,
    ) -> Found:
        place = found.expected
        roots = {} if place is None else self._recording.parts(place)
        if roots.keys() != call.parts.keys() or None in roots.values():
            return found
        for part, root in roots.items():
            if root != call.parts[part]:
                before = read(str(root), self._recording.get)
                if not same(part, before, call.value(part)):
                    return found
        return Found(place, match, found.scope)

    def _by_shape(self, call: CallView, found: Found) -> Found:
        """A call masked with another key than its recording: equal shapes can be accepted."""
        place = found.expected
        roots = {} if place is None else self._recording.parts(place)
        if roots.keys() != call.parts.keys() or None in roots.values():
            return found

        def recorded(part: str) -> object:
            return read(str(roots[part]), self._recording.get)

        if not same_shape(roots, recorded, call.value):
            return found
        if self._allow_shape:
            return Found(place, Match.SHAPE, found.scope)
        raise ReplayError(
            f"the input of {call.key} differs from its recording only in values masked with"
            " another redaction key; use that key, or `allow_shape_match`",
            code="redaction_key",
        )

    def _is_before(self, found: Found, past_steps: bytearray) -> bool:
        place = found.expected if found.place is None else found.place
        if place is not None:
            return bool(past_steps[place])
        places = self._index.slots.get(found.scope, ())
        return not self._reached and all(past_steps[place] for place in places)

    def _refuse_past_edits(self, cut: Cut, recording: Recording) -> None:
        for place in self.edits.places:
            if self.is_past(place) and place != cut.place:
                raise ReplayError(
                    f"step {recording.started[place].key} lies before the cut {cut.used};"
                    " cut there, or edit a later step",
                    code="cut_invalid",
                )


def _signed(call: CallView, changed: dict[str, Value]) -> str:
    parts = {part: digest_from_text(root) for part, root in call.parts.items()}
    for part, value in changed.items():
        parts[part] = encode(value, _drop)
    return digest_text(sign(call.kind, call.name, parts))


def _drop(_digest: bytes, _body: bytes) -> None:
    """Only the root is wanted."""
