"""The steps of a run as packed columns: digests stay bytes, a row is made when one is asked for.

A comparison looks at most columns of all steps and at few steps whole. Digests lie behind each
other, 32 bytes each and zeros for an absent one, so that they can be compared without an object a
step (`vectorcolumns.py`); all of it works without numpy.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from operator import attrgetter
from typing import cast, overload

from forkpoint.content import digest_from_text, digest_text
from forkpoint.diff.columns import Parts, StepRow
from forkpoint.diff.sketch import NO_SKETCH

DIGEST = 32
"""Bytes of a digest."""
ABSENT = bytes(DIGEST)
NOTHING = -(2**63)
"""In the place of a number that is not known."""
INPUT = "input."
"""What roles of input parts begin with; the other two are `output` and `error`."""


@dataclass(frozen=True, slots=True)
class Coded:
    """A column of few different values: the number of each step's value in `values`."""

    codes: array[int]
    values: Sequence[str | None]

    @classmethod
    def of(cls, values: Iterable[str | None]) -> Coded:
        """Number the values in order of appearance."""
        numbers = defaultdict[str | None, int](count().__next__)  # one lookup a value, all in C
        codes = array("i", list(map(numbers.__getitem__, values)))
        return cls(codes, list(numbers))

    def __getitem__(self, at: int) -> str | None:
        return self.values[self.codes[at]]

    def each(self) -> list[str | None]:
        """The value of every step."""
        return list(map(self.values.__getitem__, self.codes))


@dataclass(frozen=True, slots=True)
class Payloads:
    """Roots of what steps were given and handed back, sorted by step."""

    owners: array[int]
    """Index of the step of each root."""
    roles: Coded
    roots: bytes

    def of(self, step: int) -> dict[str, str]:
        """Role -> root of one step."""
        found: dict[str, str] = {}
        at = bisect_left(self.owners, step)
        while at < len(self.owners) and self.owners[at] == step:
            found[self.roles[at] or ""] = digest_text(self.roots[DIGEST * at : DIGEST * (at + 1)])
            at += 1
        return found


def _sorted_out(roots: dict[str, str]) -> tuple[Parts, str | None, str | None]:
    """Input parts by name, output, error."""
    output, error = roots.pop("output", None), roots.pop("error", None)
    return {role[len(INPUT) :]: root for role, root in roots.items()}, output, error


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class StepTable(Sequence[StepRow]):
    """All steps of one run; read like a list of `StepRow`, which says what each column means."""

    seq: array[int]
    keys: Sequence[str]
    kind: Coded
    name: Coded
    status: Coded
    signature: bytes
    delta: bytes
    payloads: Payloads
    sketch: bytes
    model: Coded
    site: Coded
    start_ns: array[int]
    end_ns: array[int]
    tokens_in: array[int]
    tokens_out: array[int]
    cost_micro_usd: array[int]
    mode: Coded
    edited: bytes
    source_run: Coded
    source_key: Sequence[str | None]
    """Empty if no step was served from anything."""
    unreadable: bytes

    def __len__(self) -> int:
        return len(self.seq)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence):
            return NotImplemented
        return list(self) == list(cast("Sequence[object]", other))

    __hash__ = None  # pyright: ignore[reportAssignmentType] - as of a list

    @overload
    def __getitem__(self, at: int) -> StepRow: ...
    @overload
    def __getitem__(self, at: slice) -> list[StepRow]: ...
    def __getitem__(self, at: int | slice) -> StepRow | list[StepRow]:
        if isinstance(at, slice):
            return [self._row(place) for place in range(*at.indices(len(self)))]
        if not -len(self) <= at < len(self):
            raise IndexError(at)
        return self._row(at % len(self))

    def _row(self, at: int) -> StepRow:
        parts, output, error = _sorted_out(self.payloads.of(at))
        sketch = self.sketch[len(NO_SKETCH) * at : len(NO_SKETCH) * (at + 1)]
        return StepRow(
            seq=self.seq[at],
            key=self.keys[at],
            kind=self.kind[at] or "",
            name=self.name[at] or "",
            status=self.status[at] or "",
            signature=_digest(self.signature, at),
            delta=_digest(self.delta, at),
            parts=parts,
            output=output,
            error=error,
            sketch=None if sketch == NO_SKETCH else sketch,
            model=self.model[at],
            site=self.site[at],
            start_ns=self.start_ns[at],
            end_ns=_number(self.end_ns[at]),
            tokens_in=_number(self.tokens_in[at]),
            tokens_out=_number(self.tokens_out[at]),
            cost_micro_usd=_number(self.cost_micro_usd[at]),
            mode=self.mode[at],
            edited=bool(self.edited[at]),
            source_run=self.source_run[at],
            source_key=self.source_key[at] if self.source_key else None,
            unreadable=bool(self.unreadable[at]),
        )

    def briefs(
        self, places: Sequence[int], roots: Iterable[tuple[Parts, str | None, str | None]]
    ) -> Iterator[StepRow]:
        """What tells how steps differ, with roots of parts, output, error; no digests of calls."""
        columns = [
            _picked(column, places)
            for column in (self.kind, self.name, self.status, self.mode, self.source_run)
        ]
        plain = ([column[at] for at in places] for column in (self.seq, self.keys))
        flags = ([column[at] != 0 for at in places] for column in (self.edited, self.unreadable))
        for seq, key, edited, unreadable, kind, name, status, mode, source, (
            parts,
            output,
            error,
        ) in zip(*plain, *flags, *columns, roots, strict=True):
            yield StepRow(
                seq=seq,
                key=key,
                kind=kind or "",
                name=name or "",
                status=status or "",
                parts=parts,
                output=output,
                error=error,
                mode=mode,
                edited=edited,
                source_run=source,
                unreadable=unreadable,
            )


def _picked(column: Coded, places: Sequence[int]) -> list[str | None]:
    codes, values = column.codes, column.values
    return [values[codes[at]] for at in places]


def place_of(steps: Sequence[StepRow], at: int) -> tuple[str, int, str, str]:
    """Call key, step number, kind and name of one step."""
    if isinstance(steps, StepTable):
        kind, name = steps.kind, steps.name
        return (
            steps.keys[at],
            steps.seq[at],
            kind.values[kind.codes[at]] or "",
            name.values[name.codes[at]] or "",
        )
    step = steps[at]
    return step.key, step.seq, step.kind, step.name


def places_of_kind(steps: Sequence[StepRow], kind: str) -> list[int]:
    """Indexes of the steps of a kind."""
    if not isinstance(steps, StepTable):
        return [at for at, step in enumerate(steps) if step.kind == kind]
    codes, values = steps.kind.codes, steps.kind.values
    wanted = values.index(kind) if kind in values else -1
    return [at for at, code in enumerate(codes) if code == wanted] if wanted in codes else []


def column(steps: Sequence[StepRow], field: str) -> Sequence[object]:
    """One field of every step, of tables without making them; not of payloads and digests."""
    if not isinstance(steps, StepTable):
        return list(map(attrgetter(field), steps))
    found = getattr(steps, _OTHER_NAMES.get(field, field))
    if isinstance(found, Coded):
        return found.each()
    if isinstance(found, array):
        return list(map(_number, cast("array[int]", found)))
    return found


_OTHER_NAMES = {"key": "keys"}


def table_of(steps: Sequence[StepRow]) -> StepTable:
    """Rows as a table; their digests must be ones (`CorruptBlock` if not)."""
    entries = [
        (at, role, digest_from_text(root))
        for at, step in enumerate(steps)
        for role, root in _roots(step.parts, step.output, step.error)
    ]
    return StepTable(
        seq=array("q", [step.seq for step in steps]),
        keys=[step.key for step in steps],
        kind=Coded.of(step.kind for step in steps),
        name=Coded.of(step.name for step in steps),
        status=Coded.of(step.status for step in steps),
        signature=_packed(step.signature for step in steps),
        delta=_packed(step.delta for step in steps),
        payloads=Payloads(
            array("i", [owner for owner, _, _ in entries]),
            Coded.of(role for _, role, _ in entries),
            b"".join([root for _, _, root in entries]),
        ),
        sketch=b"".join([step.sketch or NO_SKETCH for step in steps]),
        model=Coded.of(step.model for step in steps),
        site=Coded.of(step.site for step in steps),
        start_ns=array("q", [step.start_ns for step in steps]),
        end_ns=_numbers(step.end_ns for step in steps),
        tokens_in=_numbers(step.tokens_in for step in steps),
        tokens_out=_numbers(step.tokens_out for step in steps),
        cost_micro_usd=_numbers(step.cost_micro_usd for step in steps),
        mode=Coded.of(step.mode for step in steps),
        edited=bytes(step.edited for step in steps),
        source_run=Coded.of(step.source_run for step in steps),
        source_key=[step.source_key for step in steps]
        if any(step.source_key for step in steps)
        else (),
        unreadable=bytes(step.unreadable for step in steps),
    )


def _digest(packed: bytes, at: int) -> str | None:
    digest = packed[DIGEST * at : DIGEST * (at + 1)]
    return None if digest == ABSENT else digest_text(digest)


def _number(value: int) -> int | None:
    return None if value == NOTHING else value


def _numbers(values: Iterable[int | None]) -> array[int]:
    return array("q", [NOTHING if value is None else value for value in values])


def _packed(digests: Iterable[str | None]) -> bytes:
    return b"".join(ABSENT if text is None else digest_from_text(text) for text in digests)


def _roots(parts: Parts, output: str | None, error: str | None) -> Iterable[tuple[str, str]]:
    yield from ((f"{INPUT}{name}", parts[name]) for name in sorted(parts))
    if output is not None:
        yield "output", output
    if error is not None:
        yield "error", error
