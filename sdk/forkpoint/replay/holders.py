"""Finding where an answer went: inputs that hold it, and the same inputs with another answer.

An answer is held as a block (it was passed on whole), as an equal text, or inside a longer text in
one of the encodings agents use. Texts under 8 characters are replaced only in the message that
answers the call itself: elsewhere an equal `ok` means nothing; under 16, only whole texts. Where
another call came to the same text, the id of the call tells whose answer a message holds.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from itertools import product
from typing import cast

from forkpoint.content.blocks import Digest, Get, Key, Sink, Value, digest_from_text, digest_text
from forkpoint.content.decode import decode
from forkpoint.content.encode import encode
from forkpoint.content.rewrite import rewrite
from forkpoint.events.kinds import Kind
from forkpoint.replay.answers import Answers, read
from forkpoint.replay.calls import ToolCall
from forkpoint.replay.families import ENCODINGS, calls_of, error_texts, family_of
from forkpoint.replay.index import Index
from forkpoint.replay.interception import Outcome
from forkpoint.replay.recording import Recording

WHOLE_LENGTH = 8
INSIDE_LENGTH = 16
_CALL_IDS = ("tool_call_id", "tool_use_id", "call_id")
_RESULTS = ("content", "output")


class Replacements:
    """Answers that are replaced, and the rewriting of content trees that hold them."""

    def __init__(self, get: Get, sink: Sink) -> None:
        self._get = get
        self._sink = sink
        self._whole: dict[str, str] = {}
        self._inside: list[tuple[str, str]] = []
        self._by_call: dict[str, list[tuple[str, str]]] = {}
        """Short answers: replaced in the messages of their calls only."""
        self._own: dict[str, list[tuple[str, str]]] = {}
        """All replaced answers by call id."""
        self._apart: set[str] = set()
        """Calls whose messages hold their own answer, whatever is replaced elsewhere."""
        self._roots: dict[Digest, Digest] = {}
        self._memo: dict[Digest, Digest] = {}

    def __bool__(self) -> bool:
        return bool(self._whole or self._by_call or self._roots)

    def add(self, old: Outcome, new: Outcome, *, call_id: str | None) -> None:
        """From here on, what held `old` holds `new`."""
        pairs = _pairs(old, new)
        if call_id is not None:
            self._own[call_id] = pairs
        for before, after in pairs:
            if len(before) >= WHOLE_LENGTH:
                self._whole.setdefault(before, after)
            if len(before) >= INSIDE_LENGTH:
                self._inside.append((before, after))
            if call_id is not None and len(before) < WHOLE_LENGTH:
                self._by_call.setdefault(call_id, []).append((before, after))
        whole = isinstance(old.output, (dict, list))  # pyright: ignore[reportUnknownMemberType]
        if whole and old.error is None and new.error is None:
            was = encode(cast("Value", old.output), _drop)
            self._roots[was] = encode(cast("Value", new.output), self._sink)
        self._memo = dict(self._roots)

    def rewritten(self, root: str) -> str:
        """The root of the same content with every replaced answer in it; equal if it holds none."""
        if not self:
            return root
        digest = rewrite(digest_from_text(root), self._get, self._scalar, self._sink, self._memo)
        if self._by_call or self._apart:
            value = decode(digest, self._get)
            before = decode(digest_from_text(root), self._get) if self._apart else value
            changed = self._in_results(value, before)
            if changed != value:
                digest = encode(changed, self._sink)
        return digest_text(digest)

    def tell_apart(self, old: Outcome, others: Iterable[tuple[str, Sequence[str]]]) -> None:
        """Note the calls, by their ids, one of whose texts is what `old` is, or holds it."""
        texts = list(_texts(old).values())
        equal = {text for text in texts if len(text) >= WHOLE_LENGTH}
        inside = [text for text in texts if len(text) >= INSIDE_LENGTH]
        for call_id, written in others:
            if any(one in equal or any(part in one for part in inside) for one in written):
                self._apart.add(call_id)

    def _scalar(self, value: Value) -> Value:
        if not isinstance(value, str):
            return value
        known = self._whole.get(value)
        if known is not None:
            return known
        for before, after in self._inside:
            if before in value:
                value = value.replace(before, after)
        return value

    def _in_results(self, value: Value, before: Value) -> Value:
        """Put in the messages that answer calls what their calls came to; `before`: as recorded."""
        if isinstance(value, list):
            recorded = cast("list[Value]", before if isinstance(before, list) else [])
            pairs = zip(value, recorded if len(recorded) == len(value) else value, strict=True)
            return [self._in_results(item, old) for item, old in pairs]
        if not isinstance(value, dict):
            return value
        was = cast("dict[Key, Value]", before if isinstance(before, dict) else {})
        ids = {str(value[name]) for name in _CALL_IDS if name in value}
        if ids & self._apart and was and not value.keys().isdisjoint(_RESULTS):
            own = [pair for call_id in ids for pair in self._own.get(call_id, ())]
            return {**was, **{name: _with(was[name], own) for name in _RESULTS if name in was}}
        members = {key: self._in_results(item, was.get(key)) for key, item in value.items()}
        short = [pair for call_id in ids for pair in self._by_call.get(call_id, ())]
        for name, (old, new) in product(_RESULTS, short):
            if members.get(name) == old:
                members[name] = new
        return cast("Value", members)


def _with(value: Value, pairs: Sequence[tuple[str, str]]) -> Value:
    """A value with texts replaced, whole or inside."""
    if isinstance(value, str):
        for old, new in pairs:
            if value == old or (len(old) >= INSIDE_LENGTH and old in value):
                return value.replace(old, new)
        return value
    if isinstance(value, list):
        return [_with(item, pairs) for item in value]
    if isinstance(value, dict):
        return {key: _with(item, pairs) for key, item in value.items()}
    return value


def texts_of(outcome: Outcome) -> list[str]:
    """The texts that stand for an answer in messages."""
    return list(dict.fromkeys(_texts(outcome).values()))


def call_ids(recording: Recording, index: Index, answers: Answers) -> dict[int, str]:
    """The id of the call that each tool step answered, from the reply before it in its scope.

    One walk through every scope; of equal calls of a reply the first is answered first.
    """
    found: dict[int, str] = {}
    for places in index.slots.values():
        calls: list[ToolCall] = []
        for place in places:
            kind, name = recording.types[place]
            if kind is Kind.MODEL:
                output = answers.recorded(place).output
                family = family_of(output)
                calls = [] if family is None else calls_of(family, output)
            elif kind is Kind.TOOL and calls:
                root = recording.parts(place).get("args")
                asked = name, None if root is None else read(root, recording.get)
                equal = (call for call in calls if (call.name, call.args) == asked)
                call = next(equal, None)
                if call is not None:
                    calls.remove(call)
                    found[place] = call.id
    return found


def _pairs(old: Outcome, new: Outcome) -> list[tuple[str, str]]:
    """Texts that stand for an answer, each with the text that stands for the other."""
    before, after = _texts(old), _texts(new)
    default = next(iter(after.values()), "")
    pairs = {text: after.get(form, default) for form, text in before.items() if text}
    return [(text, other) for text, other in pairs.items() if text != other]


def _texts(outcome: Outcome) -> Mapping[str, str]:
    if outcome.error is not None:
        said: Sequence[str] = error_texts(outcome.error)
        return {f"error {number}": text for number, text in enumerate(said)}
    found = {name: write(outcome.output) for name, write in ENCODINGS}
    texts = {name: text for name, text in found.items() if text is not None}
    if isinstance(outcome.output, str):
        return {"text": outcome.output, **_quoted(outcome.output)}
    return texts


def _quoted(text: str) -> dict[str, str]:
    """A text as it stands inside JSON text, without its quotes, where that differs."""
    inner = json.dumps(text)[1:-1]
    return {} if inner == text else {"quoted": inner}


def _drop(_digest: Digest, _body: bytes) -> None:
    """Only the root is wanted."""
