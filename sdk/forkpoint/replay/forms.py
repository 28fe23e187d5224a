"""Inputs that are equal but for places a policy compares by their form: identifiers, times, paths.

Opt-in, place by place: a pointer into one part, `*` for any member or item. Both sides must have
the form there; nothing else is ever matched fuzzily.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import cast

from forkpoint.replay.pointers import tokens_of
from forkpoint.replay.policy import Normaliser

_FORMS = {
    "uuid": re.compile(r"[0-9a-fA-F]{8}-?(?:[0-9a-fA-F]{4}-?){3}[0-9a-fA-F]{12}"),
    "time": re.compile(
        r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d)?)?"
        r"|\b\d{9,10}(?:\.\d+|\d{3}|\d{6}|\d{9})?\b"
    ),
    "path": re.compile(r"(?:[A-Za-z]:)?[\\/][^\s\"'<>|]*"),
    "pid": re.compile(r"\b\d{1,7}\b"),
    "address": re.compile(r"\b0x[0-9a-fA-F]{4,16}\b"),
}
_ANY = "*"
_Place = tuple[tuple[str, ...], str]
"""What is left of a pointer, and the form of the value it names."""


def same_but_for_forms(
    part: str, before: object, after: object, normalisers: Sequence[Normaliser]
) -> bool:
    """Whether the values of a part are equal once the named places are reduced to their form."""
    places = [(tokens_of(one.pointer), one.kind) for one in normalisers if one.part == part]
    return _same(before, after, places)


def _same(before: object, after: object, places: Sequence[_Place]) -> bool:
    if any(not left and _alike(before, after, form) for left, form in places):
        return True
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        old, new = cast("Mapping[str, object]", before), cast("Mapping[str, object]", after)
        return old.keys() == new.keys() and all(
            _same(value, new[key], _below(places, key)) for key, value in old.items()
        )
    if isinstance(before, list) and isinstance(after, list):
        first, second = cast("list[object]", before), cast("list[object]", after)
        return len(first) == len(second) and all(
            _same(one, other, _below(places, str(index)))
            for index, (one, other) in enumerate(zip(first, second, strict=True))
        )
    return before == after and isinstance(before, bool) is isinstance(after, bool)


def _below(places: Sequence[_Place], name: str) -> list[_Place]:
    return [(left[1:], form) for left, form in places if left and left[0] in (name, _ANY)]


def _alike(before: object, after: object, form: str) -> bool:
    """Whether two texts or numbers hold values of a form and are equal around them."""
    if isinstance(before, bool) or isinstance(after, bool) or type(before) is not type(after):
        return False
    if not isinstance(before, str | int | float):
        return False
    pattern = _FORMS[form]
    reduced, found = pattern.subn("#", str(before))
    return found > 0 and (reduced, found) == pattern.subn("#", str(after))
