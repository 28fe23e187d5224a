"""Values of stored content trees: whole ones, and parts by JSON pointer, level by level."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import cast

import orjson
from forkpoint.content import Digest, Limits, Value, children, decode, digest_of
from forkpoint.content import LimitExceeded as TooLarge
from forkpoint.content.bodies import Long, Parsed, long_of, parse, plain_ref, tag_of
from forkpoint.content.limits import LIMITS
from forkpoint.content.pointer import split
from forkpoint.errors import UsageError
from sqlalchemy.ext.asyncio import AsyncConnection

from forkpoint_server.artifacts.loading import BlockLoader
from forkpoint_server.artifacts.segments import Part, Segment, of_long, of_part
from forkpoint_server.artifacts.store import BlobStore
from forkpoint_server.db.engine import driver
from forkpoint_server.errors import BadRequest, LimitExceeded, NotFound

BUDGET = 8 * 2**20
"""Bytes of bodies that one answer may load."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Items:
    """Some entries of a list or dict."""

    total: int
    keys: tuple[Value, ...] | None
    """Of a dict, in stored order; None for a list."""
    values: tuple[Value, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outline:
    """What a value is, without loading it."""

    type: str
    """object, array, string, bytes, number, boolean or null."""
    count: int
    """Entries of a container, UTF-8 bytes of a string, bytes of bytes; else 0."""


async def load_closure(
    connection: AsyncConnection,
    project_id: int,
    roots: Collection[Digest],
    *,
    blobs: BlobStore | None = None,
    budget: int = BUDGET,
) -> dict[Digest, bytes]:
    """All blocks below some roots, one query for each level; `LimitExceeded` over the budget.

    Blocks that are not stored are left out: decoding names them.
    """
    tree = Tree(await _loader(connection, project_id, blobs), budget=budget)
    await tree.closure(roots)
    return dict(tree.blocks)


async def value_at(
    connection: AsyncConnection,
    project_id: int,
    root: Digest,
    pointer: str = "",
    *,
    blobs: BlobStore | None = None,
    budget: int = BUDGET,
) -> Value:
    """The value at a JSON pointer; only the blocks on the way and below it are loaded.

    Raises `NotFound` for a pointer that leads nowhere, `BadRequest` for one that is none, and
    `LimitExceeded` if the value is larger than `budget` bytes.
    """
    tree = Tree(await _loader(connection, project_id, blobs), budget=budget)
    return await tree.value(await tree.find(root, pointer))


async def items_at(
    connection: AsyncConnection,
    project_id: int,
    root: Digest,
    pointer: str = "",
    *,
    start: int,
    count: int,
    blobs: BlobStore | None = None,
    budget: int = BUDGET,
) -> Items:
    """Entries `start` to `start + count` of the list or dict at a pointer, without the others.

    Raises as `value_at`; `BadRequest` for a value that has no entries.
    """
    tree = Tree(await _loader(connection, project_id, blobs), budget=budget)
    return await tree.items(await tree.find(root, pointer), start, start + count)


async def outline_at(
    connection: AsyncConnection,
    project_id: int,
    root: Digest,
    pointer: str = "",
    *,
    blobs: BlobStore | None = None,
    budget: int = BUDGET,
) -> Outline:
    """Type and size of the value at a pointer; raises as `value_at`."""
    tree = Tree(await _loader(connection, project_id, blobs), budget=budget)
    return outline(await tree.find(root, pointer))


async def _loader(
    connection: AsyncConnection, project_id: int, blobs: BlobStore | None
) -> BlockLoader:
    return BlockLoader(await driver(connection), project_id, blobs)


class Tree:
    """One walk over stored blocks, within one budget."""

    def __init__(self, loader: BlockLoader, *, budget: int) -> None:
        self.blocks: dict[Digest, bytes] = {}
        self._loader = loader
        self._budget = budget
        self._left = budget

    async def closure(self, roots: Collection[Digest]) -> None:
        """Load everything below some roots."""
        level = [root for root in dict.fromkeys(roots) if root not in self.blocks]
        while level:
            found = await self._load(level)
            below = dict.fromkeys(child for body in found.values() for child in children(body))
            level = [digest for digest in below if digest not in self.blocks]

    async def find(self, root: Digest, pointer: str) -> Parsed:
        """The parsed body of the value at a pointer, references resolved at its top."""
        try:
            path = split(pointer)
        except UsageError as error:
            raise BadRequest(error.message, field="pointer") from None
        node = await self._body(root)
        for key in path:
            node = await self._resolved(await self._child(node, key))
        return node

    async def value(self, node: Parsed) -> Value:
        """The whole value of a parsed body."""
        body = orjson.dumps(node)
        digest = digest_of(body)
        await self.closure(children(body))
        self.blocks[digest] = body
        try:
            return decode(digest, self._get, replace(LIMITS, decode_bytes=self._budget))
        except TooLarge:
            raise self._too_large() from None

    async def items(self, node: Parsed, start: int, stop: int) -> Items:
        """Some entries of the container whose parsed body this is."""
        about = outline(node)
        if about.type not in ("array", "object"):
            raise BadRequest(f"a value of type {about.type} has no items", field="pointer")
        units = await self._units(node, start, stop)
        if about.type == "array":
            return Items(total=about.count, keys=None, values=await self._values(units))
        return Items(
            total=about.count,
            keys=await self._values([unit[0] for unit in units]),
            values=await self._values([unit[1] for unit in units]),
        )

    async def _values(self, cells: Sequence[Parsed]) -> tuple[Value, ...]:
        value = await self.value(list(cells) if len(cells) else [])
        return tuple(value) if isinstance(value, list) else ()

    async def _child(self, node: Parsed, key: str) -> Parsed:
        if outline(node).type == "object":
            if isinstance(node, dict):
                return _present(node, key)
            for name, cell in await self._units(node, 0, outline(node).count):
                if name == key or name == "~" + key:
                    return cell
            raise NotFound("value at this pointer")
        if outline(node).type == "array" and key.isascii() and key.isdecimal():
            found = await self._units(node, int(key), int(key) + 1)
            if found:
                return found[0]
        raise NotFound("value at this pointer")

    async def _units(self, node: Parsed, start: int, stop: int) -> list[Parsed]:
        """Cells of a list, or [key, cell] pairs of a dict, by index."""
        if isinstance(node, dict):
            entries = list(cast("dict[str, Parsed]", node).items())[start:stop]
            return [[_cell_of_key(key), cell] for key, cell in entries]
        if tag_of(node) is None:
            return node[start:stop]
        segments = of_long(_long(node), level=0, start=start, stop=stop)
        while pending := [each.digest for each in segments if isinstance(each, Part)]:
            await self._load([digest for digest in pending if digest not in self.blocks])
            segments = [after for each in segments for after in self._expanded(each)]
        return [each.cell for each in segments if not isinstance(each, Part)]

    def _expanded(self, segment: Segment) -> list[Segment]:
        if not isinstance(segment, Part):
            return [segment]
        return of_part(segment, parse(segment.digest, self._stored(segment.digest)))

    async def _resolved(self, cell: Parsed) -> Parsed:
        is_reference = isinstance(cell, str) and cell[:2] == "~:"
        return await self._body(plain_ref(cell)) if is_reference else cell

    async def _body(self, digest: Digest) -> Parsed:
        if digest not in self.blocks:
            await self._load([digest])
        return parse(digest, self._stored(digest))

    async def _load(self, digests: Sequence[Digest]) -> dict[Digest, bytes]:
        found = await self._loader.load(digests) if digests else {}
        self._left -= sum(map(len, found.values()))
        if self._left < 0:
            raise self._too_large()
        self.blocks.update(found)
        return found

    def _stored(self, digest: Digest) -> bytes:
        body = self.blocks.get(digest)
        if body is None:
            raise NotFound("block")
        return body

    def _get(self, digests: Collection[Digest]) -> Mapping[Digest, bytes]:
        return {digest: self.blocks[digest] for digest in digests if digest in self.blocks}

    def _too_large(self) -> LimitExceeded:
        return LimitExceeded("payload_bytes", self._budget, "the value is larger; ask for a part")


def outline(node: Parsed) -> Outline:
    """Type and size of a parsed body."""
    if node is None or isinstance(node, bool):
        return Outline(type="null" if node is None else "boolean", count=0)
    if isinstance(node, int | float):
        return Outline(type="number", count=0)
    if isinstance(node, str):
        return _outline_of_text(node)
    if isinstance(node, dict):
        return Outline(type="object", count=len(node))  # pyright: ignore[reportUnknownArgumentType]
    if tag_of(node) is None:
        return Outline(type="array", count=len(node))
    whole = _long(node)
    return Outline(type=_TYPES[whole.tag], count=whole.count)


def _outline_of_text(text: str) -> Outline:
    value = decode_text(text)
    if isinstance(value, bytes):
        return Outline(type="bytes", count=len(value))
    if isinstance(value, str):
        return Outline(type="string", count=len(value.encode("utf-8", "surrogatepass")))
    return Outline(type="number", count=0)


def decode_text(text: str) -> Value:
    """What a string of a body stands for."""
    body = orjson.dumps(text)
    digest = digest_of(body)
    return decode(digest, lambda _: {digest: body}, Limits())


def _cell_of_key(key: str) -> str:
    """Keys of a plain object are literal; as cells they need their tilde doubled."""
    return "~" + key if key[:1] == "~" else key


def _present(node: Parsed, key: str) -> Parsed:
    if key not in node:
        raise NotFound("value at this pointer")
    return node[key]


def _long(node: Parsed) -> Long:
    return long_of(b"", node)


_TYPES = {"~l": "array", "~m": "object", "~d": "object", "~s": "string", "~y": "bytes"}
