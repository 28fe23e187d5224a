"""Rewrite: replace values deep in a tree, touching only the blocks that hold them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import cast

from forkpoint.content.blocks import (
    Digest,
    Get,
    Key,
    Sink,
    Value,
    digest_text,
    is_inline,
    reference,
)
from forkpoint.content.bodies import (
    Parsed,
    counted_ref,
    number_of,
    plain_ref,
    scalar_of,
    tag_of,
)
from forkpoint.content.encode import Writer
from forkpoint.content.errors import CorruptBlock
from forkpoint.content.limits import LIMITS
from forkpoint.content.parts import Kind, Opened, Opener, is_reference, opened

Rewrite = Callable[[Value], Value]
"""Gives the new value of a scalar: a string (whole, never a chunk; keys too), bytes or a number."""


def rewrite(root: Digest, get: Get, fn: Rewrite, sink: Sink, memo: dict[Digest, Digest]) -> Digest:
    """The root of the same tree with `fn` applied to every scalar and key; equal to encoding that.

    Only changed blocks go to the sink. `memo` maps old digests to new ones and serves many trees
    under one `fn`; a subtree it knows is not loaded. Keys that become equal: the last one wins.
    """
    return _Rewriter(Opener(get), fn, sink, memo).root(root)


class _Rewriter:
    def __init__(self, opener: Opener, fn: Rewrite, sink: Sink, memo: dict[Digest, Digest]) -> None:
        self._opener = opener
        self._fn = fn
        self._memo = memo
        self._sink = sink
        self._writer = Writer(self._put, replace(LIMITS, snapshot_bytes=LIMITS.decode_bytes))

    def root(self, root: Digest) -> Digest:
        known = self._memo.get(root)
        if known is not None:
            return known
        body = self._body(root)
        fresh = self._writer.put(body)
        if not is_inline(body):  # a body that is to stand inline has no digest a parent may use
            self._memo[root] = fresh
        return fresh

    def _put(self, digest: Digest, body: bytes) -> None:
        if not self._opener.has(digest):
            self._sink(digest, body)

    def _body(self, digest: Digest) -> bytes:
        """The new body of a value block."""
        parsed = self._opener.body(digest)
        if isinstance(parsed, dict) or tag_of(parsed) is None:
            return self._plain(parsed)
        content = opened(digest, parsed)
        if content.kind in (Kind.TEXT, Kind.BYTES):
            return self._text(digest, content)
        units = self._opener.units(content.parts, by_bytes=False)
        if content.kind is Kind.ITEMS:
            return self._writer.list_body(self._cells([unit.unit for unit in units]))
        return self._entries([unit.unit for unit in units], literal=False)

    def _plain(self, parsed: Parsed) -> bytes:
        if isinstance(parsed, list):
            return self._writer.list_body(self._cells(cast("list[Parsed]", parsed)))
        if isinstance(parsed, dict):
            entries = cast("dict[str, Parsed]", parsed)
            return self._entries([[key, cell] for key, cell in entries.items()], literal=True)
        return self._writer.body(self._fn(_scalar(parsed)), 1)

    def _cells(self, cells: Sequence[Parsed]) -> list[bytes]:
        self._fetch(cells)
        return [self._cell(cell) for cell in cells]

    def _cell(self, cell: Parsed) -> bytes:
        if not is_reference(cell):
            return self._writer.cell_of(self._plain(cell))
        digest = plain_ref(cell)
        known = self._memo.get(digest)
        if known is not None:
            return reference(known)
        body = self._body(digest)
        if is_inline(body):
            return body
        fresh = self._memo[digest] = self._writer.put(body)
        return reference(fresh)

    def _entries(self, entries: Sequence[list[Parsed]], *, literal: bool) -> bytes:
        """A dict with new keys and cells; keys of a plain object are literal text."""
        self._fetch([cell for entry in entries for cell in entry[0 if not literal else 1 :]])
        fresh: dict[Key, bytes] = {}
        for written, cell in entries:
            key = written if literal else self._key(written)
            fresh[cast("Key", self._fn(key))] = self._cell(cell)
        return self._writer.dict_body(fresh)

    def _key(self, written: Parsed) -> Key:
        parsed = self._opener.cell(written)
        if isinstance(parsed, list):
            return tuple([self._key(part) for part in cast("list[Parsed]", parsed)])
        return cast("Key", _scalar(parsed))

    def _text(self, digest: Digest, content: Opened) -> bytes:
        units = self._opener.units(content.parts, by_bytes=True)
        chunks = [counted_ref(digest, unit.unit).digest for unit in units]
        self._opener.fetch(chunks)
        pieces = [_scalar(self._opener.body(chunk)) for chunk in chunks]
        kind = str if content.kind is Kind.TEXT else bytes
        if not all(isinstance(piece, kind) for piece in pieces):
            raise CorruptBlock(digest_text(digest), "wrong chunk")
        # A cast: the line above proved it.
        if kind is str:
            return self._writer.body(self._fn("".join(cast("list[str]", pieces))), 1)
        return self._writer.body(self._fn(b"".join(cast("list[bytes]", pieces))), 1)

    def _fetch(self, cells: Iterable[Parsed]) -> None:
        digests = [plain_ref(cell) for cell in cells if is_reference(cell)]
        self._opener.fetch([digest for digest in digests if digest not in self._memo])


def _scalar(parsed: Parsed) -> Value:
    if isinstance(parsed, str) and parsed[:1] == "~":
        return scalar_of(parsed, LIMITS.integer_digits)
    return number_of(parsed) if type(parsed) is int else parsed
