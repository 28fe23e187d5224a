"""Lanes of the timeline: steps in one lane never overlap, and a strand keeps its lane. Pure.

A step takes the lane that its strand had at this depth; else the first free lane of this depth that
no ancestor of its strand will want back; else a new one (cockpit guide, Timeline).
"""

from __future__ import annotations

from dataclasses import dataclass, field

LAST_LANE = 65_535
"""Lanes are u16 in columns; steps beyond share the last one."""

Row = list[object]
"""[depth, strand, open step id or None], as it is stored on the run."""


@dataclass(slots=True)
class _Lane:
    depth: int
    strand: str
    step: str | None


@dataclass(slots=True)
class Lanes:
    """Who holds which lane of one run."""

    _lanes: list[_Lane]
    _of_strand: dict[tuple[str, int], int]
    _of_step: dict[str, int]
    _free: dict[int, list[int]] = field(default_factory=dict[int, list[int]])

    @classmethod
    def load(cls, rows: list[Row]) -> Lanes:
        """From what `rows()` gave."""
        lanes = [_Lane(int(str(row[0])), str(row[1]), _text(row[2])) for row in rows]
        free: dict[int, list[int]] = {}
        for index, lane in enumerate(lanes):
            if lane.step is None:
                free.setdefault(lane.depth, []).append(index)
        return cls(
            lanes,
            {(lane.strand, lane.depth): index for index, lane in enumerate(lanes)},
            {lane.step: index for index, lane in enumerate(lanes) if lane.step is not None},
            free,
        )

    def rows(self) -> list[Row]:
        """What has to be remembered for the next batch."""
        return [[lane.depth, lane.strand, lane.step] for lane in self._lanes]

    def begin(self, step: str, *, strand: str, depth: int) -> int:
        """The lane of a step that starts now."""
        index = self._choose(strand, depth)
        if index > LAST_LANE:
            return LAST_LANE
        if index == len(self._lanes):
            self._lanes.append(_Lane(depth, strand, step))
        else:
            lane = self._lanes[index]
            self._free[depth].remove(index)
            if self._of_strand.get((lane.strand, depth)) == index:
                del self._of_strand[lane.strand, depth]
            lane.strand, lane.step = strand, step
        self._of_strand[strand, depth] = index
        self._of_step[step] = index
        return index

    def end(self, step: str) -> None:
        """A step is over; a step that holds no lane is none of our business."""
        index = self._of_step.pop(step, None)
        if index is not None:
            lane = self._lanes[index]
            lane.step = None
            self._free.setdefault(lane.depth, []).append(index)

    def _choose(self, strand: str, depth: int) -> int:
        own = self._of_strand.get((strand, depth))
        if own is not None and self._lanes[own].step is None:
            return own
        for index in sorted(self._free.get(depth, ())):
            if not strand.startswith(self._lanes[index].strand + "/"):
                return index
        return len(self._lanes)


def _text(value: object) -> str | None:
    return None if value is None else str(value)
