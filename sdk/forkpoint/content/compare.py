"""Compare: what turned one tree into another, as operations, moved items told from changed ones."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

import orjson

from forkpoint.content.align import Aligner, Equal, Gap
from forkpoint.content.blocks import Digest, Get, Key
from forkpoint.content.bodies import Parsed, plain_ref
from forkpoint.content.decode import Reader, decode, hashable
from forkpoint.content.parts import Kind, Opened, Opener, Part, is_reference, opened

_UNNAMED = b""


class Tag(StrEnum):
    """What happened to a range."""

    EQUAL = "equal"
    INSERT = "insert"
    DELETE = "delete"
    REPLACE = "replace"
    MOVE = "move"


@dataclass(frozen=True, slots=True)
class Op:
    """Range [a0, a1) of the one became range [b0, b1) of the other.

    `of` says of what: list items, dict entries (only those that differ, by `key`), bytes of a long
    text (in UTF-8) or of long bytes, or the value as a whole. `inner` holds the operations between
    a replaced pair, where both are lists, dicts or long texts.
    """

    tag: Tag
    a0: int
    a1: int
    b0: int
    b1: int
    inner: tuple[Op, ...] | None = None
    of: Kind = Kind.ITEMS
    key: Key = None


def compare(a: Digest, b: Digest, get: Get, *, deep: bool = True) -> list[Op]:
    """The operations that make b of a, in the order of b.

    Every index of a stands in one `equal delete replace move`, every index of b in one `equal
    insert replace move`. Equal roots give one `equal`. Blocks are loaded in proportion to changes
    times log n; with `deep` replaced pairs are compared inside as well.
    """
    comparison = _Comparison(Opener(get), get, deep=deep)
    left = opened(a, comparison.opener.body(a))
    if a == b:
        size = sum([part.size for part in left.parts]) or (left.kind is Kind.VALUE)
        return [Op(Tag.EQUAL, 0, size, 0, size, of=left.kind)] if size else []
    return comparison.ops(left, opened(b, comparison.opener.body(b)))


class _Comparison:
    def __init__(self, opener: Opener, get: Get, *, deep: bool) -> None:
        self.opener = opener
        self._get = get
        self._deep = deep

    def ops(self, left: Opened, right: Opened) -> list[Op]:
        if left.kind is not right.kind or left.kind is Kind.VALUE:
            return [Op(Tag.REPLACE, 0, 1, 0, 1, of=Kind.VALUE)]
        aligner = Aligner(self.opener, by_bytes=left.by_bytes)
        equal, gaps = aligner.align(left.parts, right.parts)
        if left.kind is Kind.ENTRIES:
            return self._entries(gaps)
        return self._items(equal, gaps, left.kind, by_bytes=left.by_bytes)

    def _items(
        self, equal: list[Equal], gaps: list[Gap], kind: Kind, *, by_bytes: bool
    ) -> list[Op]:
        ops = [Op(Tag.EQUAL, e.a, e.a + e.size, e.b, e.b + e.size, of=kind) for e in equal]
        if all(not gap.left for gap in gaps) or all(not gap.right for gap in gaps):
            ops += [_one_sided(gap, kind) for gap in gaps]
        else:
            ops += self._paired(gaps, kind, by_bytes=by_bytes)
        return _joined(sorted(ops, key=lambda op: (op.b0, op.b1, op.a0)))

    def _paired(self, gaps: list[Gap], kind: Kind, *, by_bytes: bool) -> Iterable[Op]:
        """Moves over all gaps first; what is left in a gap is paired in order."""
        full = [
            Gap(
                gap.a,
                gap.b,
                self.opener.units(gap.left, by_bytes=by_bytes),
                self.opener.units(gap.right, by_bytes=by_bytes),
            )
            for gap in gaps
        ]
        equal, full = _without_in_place(full)
        yield from [Op(Tag.EQUAL, e.a, e.a + e.size, e.b, e.b + e.size, of=kind) for e in equal]
        moves = _moves(full)
        for a, b, part in moves:
            yield Op(Tag.MOVE, a, a + part.size, b, b + part.size, of=kind)
        gone = {a for a, _, _ in moves}
        come = {b for _, b, _ in moves}
        for gap in full:
            lefts = [(at, part) for at, part in _placed(gap.a, gap.left) if at not in gone]
            rights = [(at, part) for at, part in _placed(gap.b, gap.right) if at not in come]
            yield from self._pairs(gap, lefts, rights, kind)

    def _pairs(
        self,
        gap: Gap,
        lefts: list[tuple[int, Part]],
        rights: list[tuple[int, Part]],
        kind: Kind,
    ) -> Iterable[Op]:
        for (a, left), (b, right) in zip(lefts, rights, strict=False):
            inner = self._inside(left.unit, right.unit, kind)
            yield Op(Tag.REPLACE, a, a + left.size, b, b + right.size, inner, of=kind)
        b_end = gap.b + sum([part.size for part in gap.right])
        for a, left in lefts[len(rights) :]:
            yield Op(Tag.DELETE, a, a + left.size, b_end, b_end, of=kind)
        a_end = gap.a + sum([part.size for part in gap.left])
        for b, right in rights[len(lefts) :]:
            yield Op(Tag.INSERT, a_end, a_end, b, b + right.size, of=kind)

    def _inside(self, left: Parsed, right: Parsed, kind: Kind) -> tuple[Op, ...] | None:
        if not self._deep or kind in (Kind.TEXT, Kind.BYTES):
            return None
        self.opener.fetch(_references((left, right)))
        a = opened(_UNNAMED, self.opener.cell(left))
        b = opened(_UNNAMED, self.opener.cell(right))
        if a.kind is not b.kind or a.kind is Kind.VALUE:
            return None
        return tuple(self.ops(a, b))

    def _entries(self, gaps: list[Gap]) -> list[Op]:
        """Entries that differ, paired by key."""
        ours = self._by_key([part for gap in gaps for part in gap.left])
        theirs = self._by_key([part for gap in gaps for part in gap.right])
        ops: list[Op] = []
        for name, (key, cell) in ours.items():
            other = theirs.get(name)
            if other is None:
                ops.append(Op(Tag.DELETE, 0, 1, 0, 0, of=Kind.ENTRIES, key=key))
            elif orjson.dumps(cell) != orjson.dumps(other[1]):
                inner = self._inside(cell, other[1], Kind.ITEMS)
                ops.append(Op(Tag.REPLACE, 0, 1, 0, 1, inner, of=Kind.ENTRIES, key=key))
        for name, (key, _) in theirs.items():
            if name not in ours:
                ops.append(Op(Tag.INSERT, 0, 0, 0, 1, of=Kind.ENTRIES, key=key))
        return ops

    def _by_key(self, parts: list[Part]) -> dict[bytes, tuple[Key, Parsed]]:
        entries: dict[bytes, tuple[Key, Parsed]] = {}
        for unit in self.opener.units(parts, by_bytes=False):
            written, cell = unit.unit
            entries[orjson.dumps(written)] = self._key(written), cell
        return entries

    def _key(self, written: Parsed) -> Key:
        if is_reference(written):
            return hashable(decode(plain_ref(written), self._get), _UNNAMED)
        return hashable(Reader({}).cell(written, 1), _UNNAMED)


def _references(cells: Sequence[Parsed]) -> list[Digest]:
    return [plain_ref(cell) for cell in cells if is_reference(cell)]


def _one_sided(gap: Gap, kind: Kind) -> Op:
    a_size = sum([part.size for part in gap.left])
    b_size = sum([part.size for part in gap.right])
    tag = Tag.DELETE if a_size else Tag.INSERT
    return Op(tag, gap.a, gap.a + a_size, gap.b, gap.b + b_size, of=kind)


def _placed(start: int, parts: Iterable[Part]) -> Iterable[tuple[int, Part]]:
    for part in parts:
        yield start, part
        start += part.size


def _without_in_place(gaps: Iterable[Gap]) -> tuple[list[Equal], list[Gap]]:
    """Cells that stand at the same place of both sides of a gap, and the gaps between them."""
    equal: list[Equal] = []
    rest: list[Gap] = []
    for gap in gaps:
        inner = Gap(gap.a, gap.b, [], [])
        for (a, left), (b, right) in zip(
            _placed(gap.a, gap.left), _placed(gap.b, gap.right), strict=False
        ):
            if left.key == right.key:
                equal.append(Equal(a, b, left.size))
                rest.append(inner)
                inner = Gap(a + left.size, b + right.size, [], [])
            else:
                inner.left.append(left)
                inner.right.append(right)
        both = min(len(gap.left), len(gap.right))
        inner.left.extend(gap.left[both:])
        inner.right.extend(gap.right[both:])
        rest.append(inner)
    return equal, rest


def _moves(gaps: Iterable[Gap]) -> list[tuple[int, int, Part]]:
    """Cells that were taken out at one place and put in at another."""
    removed: dict[str | bytes, list[tuple[int, Part]]] = {}
    added: dict[str | bytes, list[int]] = {}
    for gap in gaps:
        for a, part in _placed(gap.a, gap.left):
            removed.setdefault(part.key, []).append((a, part))
        for b, part in _placed(gap.b, gap.right):
            added.setdefault(part.key, []).append(b)
    return [
        (a, b, part)
        for key, lefts in removed.items()
        for (a, part), b in zip(lefts, added.get(key, ()), strict=False)
    ]


def _joined(ops: Iterable[Op]) -> list[Op]:
    """Neighbours of one tag as one range; replaced pairs stay pairs."""
    joined: list[Op] = []
    for op in ops:
        last = joined[-1] if joined else None
        if (
            last is not None
            and last.tag is op.tag
            and op.tag is not Tag.REPLACE
            and (last.a1, last.b1) == (op.a0, op.b0)
        ):
            joined[-1] = Op(op.tag, last.a0, op.a1, last.b0, op.b1, of=op.of)
        else:
            joined.append(op)
    return joined
