"""Proof that a scope is the tool-calling loop every framework has, before it is continued.

Each recorded request is rebuilt as request(i) + reply(i) + results in call order; its root must be
the recorded one. What was rebuilt by one form of writing turns down can be continued by it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise, product
from typing import cast

from forkpoint.content.blocks import Value, digest_from_text, digest_text
from forkpoint.content.growing import ListEncoder
from forkpoint.content.store import MemoryBlocks
from forkpoint.errors import ReplayError
from forkpoint.replay.answers import Answers, read
from forkpoint.replay.families import (
    TOLD,
    Form,
    encoded,
    error_texts,
    forms,
    reply_items,
    result_items,
    user_item,
)
from forkpoint.replay.recording import Recording
from forkpoint.replay.turns import Turn, Turns, loop_scope, not_standard, turns_of

PART = "messages"


@dataclass(slots=True, kw_only=True)
class Proof:
    """A scope whose requests were all rebuilt."""

    turns: Turns
    form: Form
    rebuilt: int
    """Requests rebuilt with equal roots; the first is where they begin."""
    talks: list[ListEncoder] = field(repr=False)
    """The messages of each request, to go on from."""
    told: dict[int, str] = field(repr=False)
    """The text that stood for a step's answer in the next request, by place."""
    blocks: MemoryBlocks = field(repr=False)

    def to_json(self) -> dict[str, object]:
        """What a report says of it."""
        return {
            "scope": self.turns.scope,
            "family": self.turns.family,
            "results": TOLD[self.form.encoding][0],
            "turns": len(self.turns.turns),
            "rebuilt": self.rebuilt,
        }


def prove(recording: Recording, place: int | None = None) -> Proof:
    """Prove the loop in the scope of a step; `ReplayError` `loop_not_standard` with key and cause.

    Its blocks have to be at hand.
    """
    turns = turns_of(recording, loop_scope(recording, place))
    return _Proving(recording, turns).prove()


class _Proving:
    """Grows the messages turn by turn under every form that still fits."""

    def __init__(self, recording: Recording, turns: Turns) -> None:
        self._recording = recording
        self._turns = turns
        self._forms = forms(turns.family)
        self._blocks = MemoryBlocks()
        self._told: dict[int, str] = {}

    def prove(self) -> Proof:
        turns = self._turns.turns
        talk = self._first(turns[0])
        talks = [talk]
        for before, after in pairwise(turns):
            self._check_parts(before, after)
            talk = self._grown(talk, before, after)
            talks.append(talk)
        return Proof(
            turns=self._turns,
            form=self._forms[0],
            rebuilt=len(turns) - 1,
            talks=talks,
            told=self._told,
            blocks=self._blocks,
        )

    def _first(self, turn: Turn) -> ListEncoder:
        root = self._root(turn)
        talk = ListEncoder(self._blocks.put)
        for item in cast("list[Value]", read(root, self._recording.get)):
            talk.push(item)
        if digest_text(talk.root()) != root:
            raise not_standard("history_rewritten", self._key(turn), "its messages are no list")
        return talk

    def _grown(self, talk: ListEncoder, before: Turn, after: Turn) -> ListEncoder:
        wanted = digest_from_text(self._root(after))
        tried: dict[str, ListEncoder | None] = {}
        fitting: list[Form] = []
        found: ListEncoder | None = None
        for form in self._forms:
            for items, texts in turn_items(self._recording, self._turns, before, form):
                mark = repr(items)
                if mark not in tried:
                    tried[mark] = _pushed(talk, items, wanted)
                if (grown := tried[mark]) is not None:
                    if found is None:
                        found = grown
                        self._told |= zip(_places(before), texts, strict=True)
                    fitting.append(form)
                    break
        if found is None:
            raise self._explained(len(talk), before, after)
        self._forms = fitting
        return found

    def _check_parts(self, before: Turn, after: Turn) -> None:
        old, new = self._recording.parts(before.model), self._recording.parts(after.model)
        for part in sorted({*old, *new} - {PART}):
            if old.get(part) != new.get(part):
                raise not_standard(
                    "history_rewritten", self._key(after), f"its `{part}` is not that before"
                )

    def _explained(self, length: int, before: Turn, after: Turn) -> ReplayError:
        """Why no form gives the recorded request."""
        value = read(self._root(after), self._recording.get)
        items = cast("list[Value]", value) if isinstance(value, list) else []
        old = cast("list[Value]", read(self._root(before), self._recording.get))
        key = self._key(after)
        if items[:length] != old:
            return not_standard("history_rewritten", key, "earlier messages were changed")
        replies = [
            reply_items(self._turns.family, before.output, form)
            for form in forms(self._turns.family)
        ]
        if not any(items[length : length + len(reply)] == reply for reply in replies):
            return not_standard("history_rewritten", key, "the reply before it was changed")
        answered = next((self._recording.started[at].key for at in _places(before)), key)
        return not_standard("result_changed", answered, "its result is in the request otherwise")

    def _root(self, turn: Turn) -> str:
        root = self._recording.parts(turn.model).get(PART)
        if root is None:
            raise not_standard("history_rewritten", self._key(turn), "it has no messages")
        return root

    def _key(self, turn: Turn) -> str:
        return self._recording.started[turn.model].key


def turn_items(
    recording: Recording, turns: Turns, turn: Turn, form: Form
) -> list[tuple[list[Value], tuple[str, ...]]]:
    """What a turn adds to the messages under a form, and the texts in it that stand for answers.

    Several where a failed tool can be told so.
    """
    said = reply_items(turns.family, turn.output, form)
    options = product(*(_told(recording, place, form) for place in _places(turn)))
    if not turn.calls:
        return [([*said, *(user_item(text) for text in texts)], texts) for texts in options]
    return [
        ([*said, *result_items(turns.family, turn.calls, texts, form)], texts) for texts in options
    ]


def _places(turn: Turn) -> list[int]:
    return [place for place in turn.answers if place is not None]


def _told(recording: Recording, place: int, form: Form) -> list[str]:
    """The texts that may stand for a step's answer."""
    outcome = Answers(recording).recorded(place)
    if outcome.error is not None:
        return error_texts(outcome.error)
    text = encoded(outcome.output, form)
    return [] if text is None else [text]


def _pushed(talk: ListEncoder, items: list[Value], wanted: bytes) -> ListEncoder | None:
    grown = talk.copy()
    for item in items:
        grown.push(item)
    return grown if grown.root() == wanted else None
