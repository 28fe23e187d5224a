"""Streams of JSON events as one assembled value plus what is needed to cut it up again, exactly.

Text is kept once, in the assembled value. A head is an event with its text taken out and pointers
to where it goes; a frame says how much of which text comes next. Whatever a merger cannot rebuild
to the very same events is kept as a plain list of them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import cast

Json = object


@dataclass(frozen=True, slots=True)
class Cut:
    """A value taken out of an event: where it was, and what of the assembled value it is."""

    pointer: str
    choice: int
    path: str
    length: int | None
    """Characters of the text at `path`; None for the whole value there."""


@dataclass(frozen=True, slots=True)
class TimedEvent:
    """An event with its time of arrival, ms since the call began."""

    name: str | None
    data: Json
    ms: int


@dataclass(frozen=True, slots=True)
class Merged:
    """A stream's assembled value and the cuts of each of its events."""

    output: Json
    cuts: Sequence[Sequence[Cut]]


Merger = Callable[[Sequence[Json]], Merged | None]


@dataclass(frozen=True, slots=True)
class Assembled:
    """A stream as it is recorded."""

    output: Json
    layout: dict[str, object]


def assemble(events: Sequence[TimedEvent], merge: Merger, *, end: str) -> Assembled:
    """The assembled value of a stream, with a layout from which `rebuild` gives the same events."""
    data = [event.data for event in events]
    merged = _merged(data, merge)
    if merged is not None:
        built = _laid_out(events, merged, end=end)
        if _same(built, events):
            return built
    return _laid_out(events, _listed(data), end=end)


def rebuild(output: Json, layout: Mapping[str, object]) -> list[tuple[str | None, Json]]:
    """Name and data of every event, from the assembled value and its layout."""
    heads = cast("Sequence[Mapping[str, object]]", layout.get("heads", ()))
    frames = iter(cast("Sequence[Sequence[object]]", layout.get("frames", ())))
    taken: dict[str, int] = {}
    events: list[tuple[str | None, Json]] = []
    for number, _ in cast("Sequence[tuple[int, int]]", layout.get("events", ())):
        head = heads[number]
        data = deepcopy(head.get("value"))
        for pointer in cast("Sequence[str]", head.get("cuts", ())):
            frame = next(frames)
            piece = _piece(output, cast("str", frame[2]), frame[3], taken)
            data = _put(data, pointer, piece)
        events.append((cast("str | None", head.get("name")), data))
    return events


def value_at(value: Json, pointer: str) -> Json:
    """The value a JSON pointer (RFC 6901) leads to; None if there is none."""
    for step in _steps(pointer):
        if isinstance(value, list):
            items = cast("list[Json]", value)
            value = items[int(step)] if step.isdigit() and int(step) < len(items) else None
        elif isinstance(value, dict):
            value = cast("dict[str, Json]", value).get(step)
        else:
            return None
    return value


def _merged(data: Sequence[Json], merge: Merger) -> Merged | None:
    try:
        return merge(data)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError):
        return None  # not the events this merger is for


def _listed(data: Sequence[Json]) -> Merged:
    return Merged(list(data), [[Cut("", 0, f"/{index}", None)] for index in range(len(data))])


def _laid_out(events: Sequence[TimedEvent], merged: Merged, *, end: str) -> Assembled:
    heads: list[dict[str, object]] = []
    known: dict[str, int] = {}
    frames: list[list[object]] = []
    order: list[list[int]] = []
    for event, cuts in zip(events, merged.cuts, strict=True):
        skeleton = deepcopy(event.data) if cuts and cuts[0].pointer else event.data
        for cut in cuts:
            skeleton = _put(skeleton, cut.pointer, "" if cut.length is not None else None)
            frames.append([event.ms, cut.choice, cut.path, cut.length])
        head: dict[str, object] = {"value": skeleton, "cuts": [cut.pointer for cut in cuts]}
        if event.name is not None:
            head["name"] = event.name
        text = json.dumps(head)
        if text not in known:
            known[text] = len(heads)
            heads.append(head)
        order.append([known[text], event.ms])
    layout: dict[str, object] = {"frames": frames, "heads": heads, "events": order, "end": end}
    return Assembled(merged.output, layout)


def _same(built: Assembled, events: Sequence[TimedEvent]) -> bool:
    again = rebuild(built.output, built.layout)
    return json.dumps(again) == json.dumps([(event.name, event.data) for event in events])


def _piece(output: Json, path: str, length: object, taken: dict[str, int]) -> Json:
    whole = value_at(output, path)
    if not isinstance(length, int) or not isinstance(whole, str):
        return whole
    start = taken.get(path, 0)
    taken[path] = start + length
    return whole[start : start + length]


def _put(value: Json, pointer: str, new: Json) -> Json:
    if not pointer:
        return new
    *front, last = _steps(pointer)
    holder = value
    for step in front:
        holder = _inside(holder, step)
    if isinstance(holder, list):
        cast("list[Json]", holder)[int(last)] = new
    else:
        cast("dict[str, Json]", holder)[last] = new
    return value


def _inside(value: Json, step: str) -> Json:
    if isinstance(value, list):
        return cast("list[Json]", value)[int(step)]
    return cast("dict[str, Json]", value)[step]


def _steps(pointer: str) -> list[str]:
    return [step.replace("~1", "/").replace("~0", "~") for step in pointer.split("/")[1:]]
