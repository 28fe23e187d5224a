"""The messages of a proved loop as they grow past what was recorded, and what is due next.

A turn is a reply and the answers to the calls in it, told to the model in call order however they
came; a reply without calls ends the loop, or is answered by the user where the recording has one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, cast

from forkpoint.content.blocks import Digest, Sink, Value, digest_text
from forkpoint.content.encode import encode
from forkpoint.content.growing import ListEncoder
from forkpoint.replay.answers import read
from forkpoint.replay.calls import ToolCall
from forkpoint.replay.families import (
    Family,
    Form,
    calls_of,
    encoded,
    error_texts,
    readings,
    reply_items,
    result_items,
    text_of,
    user_item,
)
from forkpoint.replay.fresh import size_of
from forkpoint.replay.identity import number_of
from forkpoint.replay.interception import Outcome
from forkpoint.replay.loop import PART, Proof
from forkpoint.replay.recording import Get, Recording

EQUAL_TURNS = 5
"""So many equal turns in a row get nowhere."""


class Request(NamedTuple):
    """The messages of a request, and those that are new in it."""

    root: str
    size: int
    new: str


@dataclass(slots=True, kw_only=True)
class OpenTurn:
    """A reply whose calls are being answered."""

    output: object
    calls: Sequence[ToolCall]
    due: list[int]
    """Calls without an answer, as numbers in the reply; 0 stands for the user where none is."""
    texts: dict[int, str] = field(default_factory=dict[int, str])


class Dialogue:
    """One loop from the turn of a cut on."""

    def __init__(self, recording: Recording, proof: Proof, turn: int, get: Get, sink: Sink) -> None:
        self.family: Family = proof.turns.family
        self.form: Form = proof.form
        self.open: OpenTurn | None = None
        """None: the model is due."""
        self.last_reply: object = None
        self._recording, self._proof = recording, proof
        self._talk = ListEncoder(sink)
        self._size, self._new = 2, list[Value]()
        self._error_form = _error_form(recording, proof)
        self._marks = list[Digest]()
        self._readings: dict[tuple[str, int], int | None] = {}
        self.has_user = any(not each.calls and each.answers for each in proof.turns.turns)
        root = str(recording.parts(proof.turns.turns[turn].model)[PART])
        items = cast("list[Value]", read(root, get))
        before = len(proof.talks[turn - 1]) if turn else 0
        self._push(items[:before])
        self._new.clear()
        self._push(items[before:])
        self._said = ""
        for each in proof.turns.turns[:turn]:
            self.last_reply = each.output
            self._said = text_of(self.family, each.output) or self._said

    def request(self) -> Request:
        """The messages as the next request holds them; what comes after is new in the one after."""
        new = encode(self._new, _drop)
        return Request(digest_text(self._talk.root()), self._size, digest_text(new))

    def reply(self, output: object, *, place: int | None) -> None:
        """A reply came; `place` if it is the recorded one there, whose calls keep their order."""
        self._new.clear()
        self.last_reply = output
        self._said = text_of(self.family, output) or self._said
        calls = calls_of(self.family, output)
        due = list(range(len(calls) or int(self.has_user)))
        if place is not None:
            due.sort(key=lambda number: self._recorded_number(place, number))
        self.open = OpenTurn(output=output, calls=calls, due=due)
        self._close_if_answered()

    def answer(self, number: int, outcome: Outcome, *, place: int | None) -> None:
        """A call was answered; `place` if by the recorded step there."""
        turn = self.open
        if turn is None:
            return
        told = None if place is None else self._proof.told.get(place)
        turn.texts[number] = self._text(outcome) if told is None else told
        turn.due.remove(number)
        self._close_if_answered()

    @property
    def over(self) -> bool:
        """Whether the last reply asked for nothing and nobody answers it."""
        return self.open is not None and not self.open.due

    @property
    def stuck(self) -> bool:
        """Whether the last turns were all the same."""
        last = self._marks[-EQUAL_TURNS:]
        return len(last) == EQUAL_TURNS and len(set(last)) == 1

    def text(self) -> str:
        """What the open reply says to people."""
        return "" if self.open is None else text_of(self.family, self.open.output)

    def derived(self, root: str, replies: Sequence[object]) -> Value:
        """What the last reply gives where one of `replies` gave a root; None if none did."""
        known = root, len(replies)
        if known not in self._readings:
            self._readings[known] = self._reading(root, replies)
        number = self._readings[known]
        if number is None:
            return None
        return readings(self.family, self.last_reply, self.form, said=self._said)[number]

    def _reading(self, root: str, replies: Sequence[object]) -> int | None:
        """Which reading of a reply has a root, of the last reply with one that has."""
        said, found = "", None
        for reply in replies:
            said = text_of(self.family, reply) or said
            values = readings(self.family, reply, self.form, said=said)
            roots = [digest_text(encode(value, _drop)) for value in values]
            found = next((number for number, one in enumerate(roots) if one == root), found)
        return found

    def _close_if_answered(self) -> None:
        """Tell the answers of a turn to the model, once all are there."""
        turn = self.open
        if turn is None or turn.due or not (turn.calls or turn.texts):
            return
        texts = [turn.texts[number] for number in sorted(turn.texts)]
        said = reply_items(self.family, turn.output, self.form)
        if turn.calls:
            self._push([*said, *result_items(self.family, turn.calls, texts, self.form)])
        else:
            self._push([*said, *(user_item(text) for text in texts)])
        asked = [[call.name, call.args] for call in turn.calls]
        mark = cast("Value", [text_of(self.family, turn.output), *asked, *texts])
        self._marks.append(encode(mark, _drop))
        self.open = None

    def _text(self, outcome: Outcome) -> str:
        if outcome.error is not None:
            texts = error_texts(outcome.error)
            return texts[min(self._error_form, len(texts) - 1)]
        text = encoded(outcome.output, self.form)
        if text is None:
            text = encoded(outcome.output, self.form.quoting())
        return str(outcome.output) if text is None else text

    def _push(self, items: Sequence[Value]) -> None:
        for item in items:
            self._size += size_of(item) + (1 if len(self._talk) else 0)
            self._talk.push(item)
            self._new.append(item)

    def _recorded_number(self, place: int, number: int) -> tuple[int, int]:
        """For sorting the calls of a recorded reply as they were made."""
        turn = next(each for each in self._proof.turns.turns if each.model == place)
        step = turn.answers[number] if number < len(turn.answers) else None
        if step is None:
            return 1, number
        return 0, number_of(self._recording.started[step].key)


def _error_form(recording: Recording, proof: Proof) -> int:
    """In which of its ways a failed tool was told in the recording; the usual if none failed."""
    for place, text in proof.told.items():
        ended = recording.ended[place]
        if ended is not None and ended.status == "error":
            ref = recording.artifact(place, "error")
            error = None if ref is None or ref.root is None else read(ref.root, recording.get)
            texts = error_texts(error)
            return texts.index(text) if text in texts else 0
    return 0


def new_only(recording: Recording, sink: Sink) -> Sink:
    """A sink that passes on what the recording has not."""

    def put(digest: Digest, body: bytes) -> None:
        if not recording.get((digest,)):
            sink(digest, body)

    return put


def _drop(_digest: Digest, _body: bytes) -> None:
    """Only the root is wanted."""
