"""A table that goes on: of a run that grows only what is new is read, and put behind the rest."""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from forkpoint.diff.sketch import NO_SKETCH
from forkpoint.diff.table import DIGEST, Coded, Payloads, StepTable

Value = TypeVar("Value")


def grown(known: StepTable, later: StepTable) -> StepTable:
    """`known` with the steps of `later`: in the place of those with the same number, or behind."""
    last = known.seq[-1] if len(known) else -1
    fresh = bisect_right(later.seq, last)
    places = [bisect_left(known.seq, later.seq[at]) for at in range(fresh)]
    joint = _Joint(places, fresh)
    return StepTable(
        seq=joint.numbers(known.seq, later.seq),
        keys=joint.values(known.keys, later.keys),
        kind=joint.coded(known.kind, later.kind),
        name=joint.coded(known.name, later.name),
        status=joint.coded(known.status, later.status),
        signature=joint.packed(known.signature, later.signature, DIGEST),
        delta=joint.packed(known.delta, later.delta, DIGEST),
        payloads=joint.payloads(known, later),
        sketch=joint.packed(known.sketch, later.sketch, len(NO_SKETCH)),
        model=joint.coded(known.model, later.model),
        site=joint.coded(known.site, later.site),
        start_ns=joint.numbers(known.start_ns, later.start_ns),
        end_ns=joint.numbers(known.end_ns, later.end_ns),
        tokens_in=joint.numbers(known.tokens_in, later.tokens_in),
        tokens_out=joint.numbers(known.tokens_out, later.tokens_out),
        cost_micro_usd=joint.numbers(known.cost_micro_usd, later.cost_micro_usd),
        mode=joint.coded(known.mode, later.mode),
        edited=joint.packed(known.edited, later.edited, 1),
        source_run=joint.coded(known.source_run, later.source_run),
        source_key=_source_keys(joint, known, later),
        unreadable=joint.packed(known.unreadable, later.unreadable, 1),
    )


@dataclass(frozen=True, slots=True)
class _Joint:
    """Where later steps go: `places[i]` is that of the i-th; from `fresh` on they are appended."""

    places: Sequence[int]
    fresh: int

    def numbers(self, known: array[int], later: array[int]) -> array[int]:
        found = known[:]
        for at, place in enumerate(self.places):
            found[place] = later[at]
        found.extend(later[self.fresh :])
        return found

    def values(self, known: Sequence[Value], later: Sequence[Value]) -> list[Value]:
        found = list(known)
        for at, place in enumerate(self.places):
            found[place] = later[at]
        return [*found, *later[self.fresh :]]

    def packed(self, known: bytes, later: bytes, size: int) -> bytes:
        found = bytearray(known)
        for at, place in enumerate(self.places):
            found[size * place : size * (place + 1)] = later[size * at : size * (at + 1)]
        return bytes(found + later[size * self.fresh :])

    def coded(self, known: Coded, later: Coded) -> Coded:
        values, again = _one_numbering(known, later)
        return Coded(self.numbers(known.codes, again), values)

    def payloads(self, known: StepTable, later: StepTable) -> Payloads:
        """Roots of replaced steps go with them."""
        old, new = known.payloads, later.payloads
        roles, new_codes = _one_numbering(old.roles, new.roles)
        owners, codes, roots = array("i"), array("i"), bytearray()
        cursor = 0
        for at, place in enumerate(self.places):
            begin, end = bisect_left(old.owners, place), bisect_right(old.owners, place)
            first, last = bisect_left(new.owners, at), bisect_right(new.owners, at)
            owners += old.owners[cursor:begin] + array("i", [place]) * (last - first)
            codes += old.roles.codes[cursor:begin] + new_codes[first:last]
            roots += old.roots[DIGEST * cursor : DIGEST * begin]
            roots += new.roots[DIGEST * first : DIGEST * last]
            cursor = end
        first, shift = bisect_left(new.owners, self.fresh), len(known) - self.fresh
        owners += old.owners[cursor:]
        owners.extend(owner + shift for owner in new.owners[first:])
        codes += old.roles.codes[cursor:] + new_codes[first:]
        roots += old.roots[DIGEST * cursor :] + new.roots[DIGEST * first :]
        return Payloads(owners, Coded(codes, roles), bytes(roots))


def _one_numbering(known: Coded, later: Coded) -> tuple[list[str | None], array[int]]:
    """The values of both columns, and the codes of the later one among them."""
    numbers = {value: code for code, value in enumerate(known.values)}
    again = [numbers.setdefault(value, len(numbers)) for value in later.values]
    return list(numbers), array("i", map(again.__getitem__, later.codes))


def _source_keys(joint: _Joint, known: StepTable, later: StepTable) -> Sequence[str | None]:
    if not known.source_key and not later.source_key:
        return ()
    return joint.values(*(side.source_key or [None] * len(side) for side in (known, later)))
