"""Finding where an answer went: inputs that hold it, and the same inputs with another answer.

An answer is held as a block (it was passed on whole), as an equal text, or inside a longer text in
one of the encodings agents use. Texts under 8 characters are replaced only in the message that
answers the call itself: elsewhere an equal `ok` means nothing; under 16, only whole texts.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import cast

from forkpoint.content.blocks import Digest, Get, Sink, Value, digest_from_text, digest_text
from forkpoint.content.decode import decode
from forkpoint.content.encode import encode
from forkpoint.content.rewrite import rewrite
from forkpoint.replay.families import ENCODINGS, calls_of, error_texts, family_of
from forkpoint.replay.interception import Outcome

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
        self._roots: dict[Digest, Digest] = {}
        self._memo: dict[Digest, Digest] = {}

    def __bool__(self) -> bool:
        return bool(self._whole or self._by_call or self._roots)

    def add(self, old: Outcome, new: Outcome, *, call_id: str | None) -> None:
        """From here on, what held `old` holds `new`."""
        for before, after in _pairs(old, new):
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
        if self._by_call:
            value = decode(digest, self._get)
            changed = self._in_results(value)
            if changed != value:
                digest = encode(changed, self._sink)
        return digest_text(digest)

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

    def _in_results(self, value: Value) -> Value:
        """Replace short answers in the messages that answer their calls."""
        if isinstance(value, list):
            return [self._in_results(item) for item in value]
        if not isinstance(value, dict):
            return value
        members = {key: self._in_results(item) for key, item in value.items()}
        for name in _CALL_IDS:
            for before, after in self._by_call.get(str(members.get(name)), ()):
                for result in _RESULTS:
                    if members.get(result) == before:
                        members[result] = after
        return cast("Value", members)


def call_id_of(output: object, name: str, args: object, *, taken: int) -> str | None:
    """The id of the call in a reply that a tool step answered; `taken` equal ones were before."""
    family = family_of(output)
    if family is None:
        return None
    equal = [call.id for call in calls_of(family, output) if (call.name, call.args) == (name, args)]
    return equal[taken] if taken < len(equal) else None


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
