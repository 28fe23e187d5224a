"""What differs between two recordings of one program though nothing was changed, and of what form.

Two runs of the same code on the same question should ask the same. Where they do not, the value
comes from the clock, a generator, a process or a folder; a list of such places is proposed as the
`normalise` of a policy (`{part, pointer, as}`). Differences of no known form are left over: those
are the program's own, and nothing may hide them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import cast

from forkpoint.content import decode, digest_from_text
from forkpoint.events.kinds import ArtifactState, Kind
from forkpoint.events.model import StepStarted
from forkpoint.replay.pointers import pointer_of

from forkpoint_cli.sources import Opened

_EPOCH = re.compile(r"(?<![\d.])1[5-9]\d{8}(?:\d{3}|\d{6}|\d{9}|\.\d+)?(?!\d)")
"""Seconds, with a fraction, ms, us or ns since 1970, from 2017 on."""
_HEX = r"[0-9a-f]"
_FORMS: tuple[tuple[str, re.Pattern[str]], ...] = (
    (
        "uuid",
        re.compile(rf"(?<!{_HEX}){_HEX}{{8}}-?(?:{_HEX}{{4}}-?){{3}}{_HEX}{{12}}(?!{_HEX})", re.I),
    ),
    ("time", re.compile(r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d[\d:.,]*(?:Z|[+-]\d\d:?\d\d)?)?")),
    ("time", re.compile(r"(?<!\d)\d\d:\d\d:\d\d(?:[.,]\d+)?(?!\d)")),
    ("time", _EPOCH),
    ("address", re.compile(r"0x[0-9a-fA-F]{6,16}\b")),
    ("address", re.compile(r"\b(?:\d{1,3}\.){3}\d{1,3}(?::\d{1,5})?\b|\blocalhost:\d{1,5}\b")),
    ("path", re.compile(r"(?<![\w:/.])(?:/[\w.+@~-]+){2,}/?")),
)
"""Forms of volatile text, the first that makes two texts equal counts."""
_PID = re.compile(r"(?:^|_)(?:pid|process|process_id|port)$")
_LARGEST_PID = 1 << 22


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A place that differs. `form` is None where no form explains it."""

    part: str
    pointer: str
    form: str | None
    step: str
    """Name of the step."""
    key: str
    """Call key of the first step where it was seen."""
    before: object
    after: object
    seen: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """All that differs. `unpaired` are call keys that one run has and the other has not."""

    places: tuple[Place, ...]
    unpaired: tuple[str, ...]
    paired: int

    def proposal(self) -> list[dict[str, str]]:
        """Entries for `normalise`, each once."""
        found = {
            (one.part, one.pointer, one.form): {
                "part": one.part,
                "pointer": one.pointer,
                "as": one.form,
            }
            for one in self.places
            if one.form is not None
        }
        return list(found.values())


def compare(a: Opened, b: Opened) -> Compared:
    """Steps are paired by call key; agents ask nothing of anybody and are left out."""
    left, right = _steps(a), _steps(b)
    places: dict[tuple[str, str, str, str | None], Place] = {}
    for key in left.keys() & right.keys():
        for place in _differing(key, (a, left[key]), (b, right[key])):
            known = (place.step, place.part, place.pointer, place.form)
            seen = places[known].seen + 1 if known in places else 1
            first = places.get(known, place)
            places[known] = replace(first, seen=seen)
    ordered = sorted(places.values(), key=lambda one: (one.form is not None, one.key, one.pointer))
    return Compared(
        places=tuple(ordered),
        unpaired=tuple(sorted(left.keys() ^ right.keys())),
        paired=len(left.keys() & right.keys()),
    )


def form_of(before: object, after: object, *, name: str) -> str | None:
    """The form two values share; `name` is the last member of their pointer."""
    if isinstance(before, str) and isinstance(after, str):
        return _text_form(before, after)
    numbers = [one for one in (before, after) if isinstance(one, int | float)]
    if len(numbers) < 2 or isinstance(before, bool) or isinstance(after, bool):
        return None
    if all(_EPOCH.fullmatch(repr(one)) for one in numbers):
        return "time"
    small = all(isinstance(one, int) and 0 < one < _LARGEST_PID for one in numbers)
    return "pid" if small and _PID.search(name.lower()) else None


def _text_form(before: str, after: str) -> str | None:
    """The forms are taken out one after another until the rest is equal."""
    for form, pattern in _FORMS:
        was = before, after
        before, after = pattern.sub("", before), pattern.sub("", after)
        if before == after and was[0] != was[1]:
            return form
    return None


def _steps(opened: Opened) -> dict[str, StepStarted]:
    events = (event for _, event in opened.recorded.events)
    steps = (event for event in events if isinstance(event, StepStarted))
    return {step.key: step for step in steps if step.kind is not Kind.AGENT}


def _differing(
    key: str, left: tuple[Opened, StepStarted], right: tuple[Opened, StepStarted]
) -> Iterator[Place]:
    before, after = _inputs(left[1]), _inputs(right[1])
    for part in before.keys() & after.keys():
        if before[part] == after[part]:
            continue
        values = (_value(left[0], before[part]), _value(right[0], after[part]))
        for at, one, other in _leaves(*values, ()):
            form = form_of(one, other, name=at[-1] if at else part)
            yield Place(
                part=part,
                pointer=pointer_of(at),
                form=form,
                step=left[1].name,
                key=key,
                before=one,
                after=other,
            )


def _inputs(step: StepStarted) -> dict[str, str]:
    return {
        ref.role.removeprefix("input."): ref.root
        for ref in step.artifacts
        if ref.role.startswith("input.") and ref.root and ref.state is ArtifactState.CLEAN
    }


def _value(opened: Opened, root: str) -> object:
    return decode(digest_from_text(root), opened.get)


def _leaves(
    before: object, after: object, at: tuple[str, ...]
) -> Iterator[tuple[tuple[str, ...], object, object]]:
    """Leaves that differ; where the structure does, the values themselves."""
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        left, right = cast("Mapping[str, object]", before), cast("Mapping[str, object]", after)
        for key in [*left, *(key for key in right if key not in left)]:
            yield from _leaves(left.get(key), right.get(key), (*at, key))
        return
    if isinstance(before, list) and isinstance(after, list):
        ours, theirs = cast("Sequence[object]", before), cast("Sequence[object]", after)
        if len(ours) == len(theirs):
            for index, pair in enumerate(zip(ours, theirs, strict=True)):
                yield from _leaves(*pair, (*at, str(index)))
            return
    if before != after:
        yield at, before, after
