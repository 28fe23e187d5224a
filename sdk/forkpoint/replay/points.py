"""Points of the completion gate: the moments whose order a replay keeps, and where they come from.

The end of a step is a point by itself. The others are recorded beside the events, in notes named
`points`, as `[name, sequence_no]`: passed after event `sequence_no - 1` of its writer.

    settle   strand              a task or future has its result, its waiters are told
    open     key "^"             the first chunk of a stream was handed over
    sleep    scope "~" n         the n-th sleep of user code in a scope is over
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import cast

from forkpoint.content.blocks import digest_from_text
from forkpoint.content.decode import decode
from forkpoint.content.errors import ContentError
from forkpoint.events.kinds import Kind
from forkpoint.events.model import Note
from forkpoint.replay.identity import POINTS, is_key, parent_scope, shortened, spawner_of, strand_of
from forkpoint.replay.index import Index
from forkpoint.replay.joined import elsewhere
from forkpoint.replay.recording import Recording, reference

_SECOND = 1_000_000_000


class Points:
    """The order of a recording. Points are numbers: first the steps, then the others by name."""

    def __init__(self, recording: Recording, index: Index) -> None:
        self._recording = recording
        self._index = index
        self.numbers: dict[str, int] = {}
        """Name -> point."""
        self.order = self._ordered()
        self._openings = {
            recording.by_key[name[:-1]]: point
            for name, point in self.numbers.items()
            if name.endswith("^")
        }
        self._of_strand: Mapping[str, Sequence[int]] | None = None

    def local_s(self, point: int | None) -> float | None:
        """Seconds of work recorded before a point in its own scope; None: somebody cancels it."""
        recording = self._recording
        if point is None or point >= len(recording):
            return 0.0
        ended = recording.ended[point]
        if ended is not None and ended.status == "cancelled":
            return None
        before = recording.start.started_ns
        number = self._index.slot[point]
        if number:
            last = recording.ended[self._index.slots[recording.scopes[point]][number - 1]]
            before = recording.started[point].time_ns if last is None else last.time_ns
        else:
            spawner = spawner_of(recording.scopes[point])
            for place in self._index.slots.get(shortened(spawner or ""), ()):
                if recording.started[place].time_ns <= recording.started[point].time_ns:
                    before = recording.started[place].time_ns
        return max(0, recording.started[point].time_ns - before) / _SECOND

    def below(self, strand: str) -> set[int]:
        """All points of a recorded strand and of what was spawned in it."""
        inner = (f"{strand}/", f"{strand}#", f"{strand}~")
        beside = {
            point
            for name, point in self.numbers.items()
            if name == strand or name.startswith(inner)
        }
        return {*elsewhere(self._recording, strand), *beside}

    def left_over(self, strand: str, used: bytearray) -> list[int]:
        """The points of a recorded strand that never come once it is over."""
        if self._of_strand is None:
            self._of_strand = self._by_strand()
        points = self._of_strand.get(shortened(strand), ())
        return [point for point in points if point >= len(used) or not used[point]]

    def of_steps(self, places: Collection[int]) -> Collection[int]:
        """The steps, and the beginnings of their streams."""
        if not self._openings:
            return places
        opened = (self._openings.get(place) for place in places)
        return [*places, *(point for point in opened if point is not None)]

    def _by_strand(self) -> dict[str, list[int]]:
        found: defaultdict[str, list[int]] = defaultdict(list)
        for place, step in enumerate(self._recording.started):
            found[shortened(step.strand)].append(place)
        for name, point in self.numbers.items():
            scope, tilde, _ = name.rpartition("~")
            if tilde and scope:
                found[shortened(strand_of(scope) or scope)].append(point)
        return dict(found)

    def _ordered(self) -> list[int]:
        recording = self._recording
        ranked: list[tuple[float, int, int]] = [
            (end, 1, place)
            for place, end in enumerate(recording.end_seqs)
            if end is not None and recording.types[place][0] is not Kind.AGENT
        ]
        beside = 0
        for seq, name in named(recording):
            if name not in self.numbers and self._is_reached(name):
                beside += 1
                self.numbers[name] = len(recording) + beside
                ranked.append((seq, 0, self.numbers[name]))
        ranked.sort()
        return [point for _, _, point in ranked]

    def _is_reached(self, name: str) -> bool:
        """Whether the code that passes a point runs in a replay: no opaque step is around it."""
        if name.endswith("^"):
            return name[:-1] in self._recording.by_key
        at: str | None = name.rpartition("~")[0] or name
        while at is not None:
            at = self._index.longer.get(at, at)
            if is_key(at):
                place = self._recording.by_key.get(at)
                if place is None or self._recording.types[place][0] is not Kind.AGENT:
                    return False
            at = parent_scope(at)
        return True


def named(recording: Recording) -> Iterator[tuple[float, str]]:
    """Recorded points beside the steps: the `seq` they stand before, and their names."""
    for note in recording.notes:
        if note.name != POINTS:
            continue
        seqs = recording.numbers.get(note.writer, ())
        for name, number in _entries(recording, note):
            yield (seqs[number] if number < len(seqs) else float("inf")), name


def _entries(recording: Recording, note: Note) -> list[tuple[str, int]]:
    ref = reference(note.artifacts, POINTS)
    if ref is None or ref.root is None:
        return []
    try:
        listed = decode(digest_from_text(ref.root), recording.get)
    except ContentError:  # the order is then that of the steps alone
        return []
    return [(str(one[0]), int(one[1])) for one in cast("list[tuple[str, int]]", listed)]
