"""One run against many of the same agent and input: where failed ones part from good ones."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from forkpoint.diff.columns import StepRow
from forkpoint.diff.report import Comparison

FORMAT = "forkpoint.cohort/1"
MOST_RUNS = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One other run: how it ended, and where it first parts from the base."""

    run_id: str
    status: str
    is_good: bool
    """Whether it came to the base's outcome."""
    place: str | None
    """Where: call key in the base, else behind which of its steps; None if nothing differs."""


@dataclass(slots=True)
class Place:
    """A step of the base at which others part from it."""

    key: str
    sequence: int | None
    kind: str
    name: str
    klass: str
    good: int = 0
    bad: int = 0
    roots_good: int = 0
    roots_bad: int = 0
    """Runs that have any root here, be it not their first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cohort:
    """All members, and the places that tell failed from good ones first."""

    members: Sequence[Member]
    places: Sequence[Place] = field(default_factory=list[Place])
    left_out: Sequence[str] = ()
    """Ids of runs whose digests cannot be compared with the base's: of another key or codec."""

    @property
    def good(self) -> int:
        """Members with the base's outcome."""
        return sum(member.is_good for member in self.members)

    def to_json(self) -> dict[str, object]:
        """The cohort as JSON values."""
        return {
            "format": FORMAT,
            "good": self.good,
            "bad": len(self.members) - self.good,
            "notComparable": list(self.left_out),
            "places": [
                {
                    "key": place.key,
                    "seq": place.sequence,
                    "kind": place.kind,
                    "name": place.name,
                    "class": place.klass,
                    "firstGood": place.good,
                    "firstBad": place.bad,
                    "rootGood": place.roots_good,
                    "rootBad": place.roots_bad,
                }
                for place in self.places
            ],
            "runs": [
                {
                    "run": member.run_id,
                    "status": member.status,
                    "good": member.is_good,
                    "parts": member.place,
                }
                for member in self.members
            ],
        }


def cohort_of(comparisons: Iterable[Comparison], *, left_out: Sequence[str] = ()) -> Cohort:
    """Sum up comparisons that have the same base. Good is what comes to the base's outcome.

    `left_out` names runs that could not be compared: they are told and do not count.

    Places come in the order of how much more often failed runs have a root there than good ones.
    """
    members: list[Member] = []
    places: dict[tuple[str, str], Place] = {}
    for comparison in comparisons:
        good = not comparison.outcome.differs
        first: str | None = None
        seen: set[tuple[str, str]] = set()
        for number, cause in enumerate(comparison.causes):
            place = _place(comparison, cause.row, places)
            if number == 0:
                first = place.key
                place.good += good
                place.bad += not good
            if (place.key, place.klass) not in seen:
                place.roots_good += good
                place.roots_bad += not good
                seen.add((place.key, place.klass))
        members.append(
            Member(
                run_id=comparison.b.run_id,
                status=comparison.b.status,
                is_good=good,
                place=first,
            )
        )
    goods = sum(member.is_good for member in members)
    return Cohort(
        members=members,
        places=sorted(places.values(), key=lambda place: _telling(place, goods, len(members))),
        left_out=left_out,
    )


def _telling(place: Place, goods: int, members: int) -> tuple[float, int]:
    bad = place.roots_bad / max(1, members - goods)
    return place.roots_good / max(1, goods) - bad, place.sequence or 0


def _place(comparison: Comparison, at: int, places: dict[tuple[str, str], Place]) -> Place:
    row = comparison.rows[at]
    step = _step_of_base(comparison, at)
    klass = row.name if row.sub is None else f"{row.name} ({row.sub})"
    key = step.key if row.a is not None else f"behind {step.key}"
    shown = step if row.b is None or row.a is not None else comparison.b.steps[row.b]
    found = Place(key=key, sequence=step.seq, kind=shown.kind, name=shown.name, klass=klass)
    return places.setdefault((key, klass), found)


def _step_of_base(comparison: Comparison, at: int) -> StepRow:
    """The base's step of a row, or its last one before it."""
    rows = comparison.rows
    while at > 0 and rows.a[at] < 0:
        at -= 1
    return comparison.a.steps[max(0, rows.a[at])]
