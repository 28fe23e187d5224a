"""Who answers a call that a continued loop makes: an edit, the ladder of the policy, or nobody."""

from __future__ import annotations

from collections.abc import Generator, Mapping

import msgspec
from msgspec.structs import replace

from forkpoint.errors import ReplayError
from forkpoint.events.kinds import Kind, Mode
from forkpoint.replay.edits import EditPlan, Numbered
from forkpoint.replay.fresh import Ask, Found, Reply, Seek
from forkpoint.replay.ladder import Given, Ladder, Wanted
from forkpoint.replay.recording import Recording
from forkpoint.replay.rules import Treatment


class Answering:
    """Remembers which edits were used, and the call nobody could answer."""

    def __init__(self, recording: Recording, edits: EditPlan, ladder: Ladder) -> None:
        self._recording, self._edits, self._ladder = recording, edits, ladder
        self.used_edits: set[int] = set()
        self.needs: Mapping[str, object] | None = None
        """The call nobody could answer."""

    def treatment(self, wanted: Wanted) -> Treatment:
        """What the policy says; a tool never runs here, so `live` is `cached` for it."""
        treatment = self._ladder.treatment(wanted)
        if wanted.kind is not Kind.MODEL and treatment.mode is Mode.LIVE:
            return replace(treatment, mode=Mode.CACHED)
        return treatment

    def answer(self, wanted: Wanted) -> Generator[Ask | Seek, Reply | Found | None, Given]:
        """The answer of a call. Raises `ReplayError` `no_answer` or `needs_tool_output`."""
        edit = self._edits.new_answers.get(wanted.key)
        if wanted.place is not None:
            edit = self._edits.answers.get(wanted.place)
        if edit is not None:
            return self._edited(edit, wanted)
        given = yield from self._ladder.climb(wanted, self.treatment(wanted))
        if given is not None:
            return given
        other = self._recording.by_key.get(wanted.key)
        edit = None if other is None else self._edits.answers.get(other)
        if edit is not None and edit[1].patch is msgspec.UNSET:
            return self._edited(edit, wanted)
        raise self._nobody(wanted)

    def _nobody(self, wanted: Wanted) -> ReplayError:
        if wanted.kind is Kind.MODEL:
            why = "no rung of the policy answers this request; allow a live model or simulate it"
            return ReplayError(why, code="no_answer", key=wanted.key)
        self.needs = {
            "key": wanted.key,
            "kind": wanted.kind.value,
            "name": wanted.name,
            "input": self._ladder.values(wanted.roots),
        }
        return ReplayError(
            f"nobody recorded what {wanted.name} answers to this; resume with an `output` edit at"
            f" {wanted.key}",
            code="needs_tool_output",
            key=wanted.key,
        )

    def _edited(self, edit: Numbered, wanted: Wanted) -> Given:
        number, change = edit
        self.used_edits.add(number)
        outcome = self._ladder.answers.edited(wanted.place, change, codec=wanted.codec)
        return Given("given", Mode.SIMULATED, outcome, taint="simulated", edit=number)
