"""Where a changed input comes from: the first recorded value that holds the text that changed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import cast

from forkpoint.content.errors import ContentError
from forkpoint.redact.tokens import find_tokens
from forkpoint.replay.answers import read
from forkpoint.replay.recording import Recording

STEPS_READ = 500
"""Outputs looked at, the last ones before the step."""
_SHORTEST = 4
"""Characters below which a text says nothing about where it comes from."""
_ELLIPSIS = "…"

Change = Mapping[str, object]


def cause_of(
    recording: Recording, place: int | None, changes: Sequence[Change]
) -> dict[str, object] | None:
    """The step whose output held the text that changed, and how it changed; None if none did.

    `content`: the recorded text came from there. `token_transformed`: what came from there was
    masked, and code that cut, hashed or spelt the token otherwise cannot find the value again.
    """
    if place is None:
        return None
    for change in changes:
        before, after = _text(change.get("expected")), _text(change.get("got"))
        tokens = _tokens(before) | _tokens(after)
        how = "token_transformed" if tokens and _tokens(before) != _tokens(after) else "content"
        for needle in (*sorted(tokens), _needle(before), _needle(after)):
            key = _holder(recording, place, needle) if len(needle) >= _SHORTEST else None
            if key is not None:
                return {"key": key, "how": how, "pointer": change["pointer"]}
    return None


def _holder(recording: Recording, place: int, needle: str) -> str | None:
    for earlier in range(max(0, place - STEPS_READ), place):
        root = recording.output(earlier)
        if root is None:
            continue
        try:
            value = read(root, recording.get)
        except ContentError:
            continue
        if any(needle in text for text in _texts(value)):
            return recording.started[earlier].key
    return None


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, one in cast("dict[str, object]", value).items():
            yield key
            yield from _texts(one)
    elif isinstance(value, list):
        for one in cast("list[object]", value):
            yield from _texts(one)


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _tokens(text: str) -> set[str]:
    return {text[start:end] for start, end in find_tokens(text)}


def _needle(text: str) -> str:
    """The text as far as it is shown; the ends of what was cut off are left out."""
    return text.strip(_ELLIPSIS).strip()
