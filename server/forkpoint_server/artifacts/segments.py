"""Parts of a long sequence by index: which groups hold the entries asked for. Pure.

A segment is either a unit that was found or a part of the tree that must be loaded to find some;
counted references say how many entries stand behind each (content tree guide, section 2).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias

from forkpoint.content import Digest
from forkpoint.content.bodies import Long, Parsed, counted_ref, group_of, long_of, tag_of

_UNNAMED = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """An entry that was found."""

    cell: Parsed


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A group, or a middle, whose entries from `start` to `stop` are wanted."""

    digest: Digest
    level: int
    """Groups of this many levels stand between it and the entries."""
    start: int
    stop: int


Segment: TypeAlias = Unit | Part


def of_long(whole: Long, *, level: int, start: int, stop: int) -> list[Segment]:
    """The segments of a sequence of `level`, for entries `start` to `stop`."""
    groups: list[tuple[Parsed, int]] = []
    if whole.head is not None:
        groups.append((whole.head, level))
    if whole.middle is not None:
        groups.append((whole.middle, level + 1))
    if level > 0:
        groups += [(item, level - 1) for item in whole.tail]
    found = _of_groups(groups, start, stop)
    if level == 0:
        before = sum(counted_ref(_UNNAMED, cell).count or 0 for cell, _ in groups)
        tail = whole.tail[max(start - before, 0) : max(stop - before, 0)]
        found += [Unit(cell=cell) for cell in tail]
    return found


def of_part(part: Part, parsed: Parsed) -> list[Segment]:
    """The segments of a part whose body has been loaded."""
    if tag_of(parsed) == "~q":
        inner = long_of(part.digest, parsed)
        return of_long(inner, level=part.level, start=part.start, stop=part.stop)
    items = group_of(part.digest, parsed)
    if part.level == 0:
        return [Unit(cell=cell) for cell in items[part.start : part.stop]]
    return _of_groups(((item, part.level - 1) for item in items), part.start, part.stop)


def _of_groups(groups: Iterable[tuple[Parsed, int]], start: int, stop: int) -> list[Segment]:
    found: list[Segment] = []
    at = 0
    for cell, level in groups:
        ref = counted_ref(_UNNAMED, cell)
        count = ref.count or 0
        if at < stop and start < at + count:
            found.append(
                Part(
                    digest=ref.digest,
                    level=level,
                    start=max(start - at, 0),
                    stop=min(stop - at, count),
                )
            )
        at += count
    return found
