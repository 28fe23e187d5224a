"""Payload by pointer: whole when it is small, else its outline, its ends or some of its items."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import orjson
from sqlalchemy.ext.asyncio import AsyncConnection

from forkpoint_server.artifacts.store import BlobStore
from forkpoint_server.artifacts.trees import Outline, items_at, outline_at, value_at
from forkpoint_server.errors import LimitExceeded
from forkpoint_server.query.pages import check_first
from forkpoint_server.query.presentable import presentable

MOST_BYTES = 1024 * 1024
"""Most bytes of JSON that one field answers with."""
_PATH_BYTES = 1024 * 1024
"""Blocks on the way to a value, on top of its own."""
_TEXT_BYTES = 24 * 1024 * 1024
"""A string of the largest size, with its references."""
CUT_MARK = "\n\u2026\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """A look at a value of any size."""

    type: str
    count: int
    """Entries of containers, bytes of strings and bytes."""
    size: int | None
    """Bytes of its JSON; None if it was not loaded."""
    truncated: bool
    text: str | None
    """Of strings; of a truncated one both ends around a mark."""
    json: object
    """Of other values, unless truncated."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entries:
    """Some items of a list, or entries of an object."""

    total: int
    keys: Sequence[str] | None
    values: Sequence[object]


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads the payload of one project in one transaction."""

    connection: AsyncConnection
    project_id: int
    blobs: BlobStore

    async def value(self, root: bytes, pointer: str, *, most: int) -> object:
        """The value at a pointer; `LimitExceeded` if its JSON is over `most` bytes."""
        check_first(most, maximum=MOST_BYTES)
        value = await self._load(root, pointer, most=most)
        if len(orjson.dumps(value)) > most:
            raise _too_large(most)
        return value

    async def preview(self, root: bytes, pointer: str, *, most: int) -> Preview:
        """A look at the value at a pointer, whatever its size."""
        check_first(most, maximum=MOST_BYTES)
        about = await outline_at(self.connection, self.project_id, root, pointer, blobs=self.blobs)
        if about.type == "string":
            return await self._text(root, pointer, about, most=most)
        try:
            value = await self.value(root, pointer, most=most)
        except LimitExceeded:
            return _preview(about, size=None, truncated=True)
        return _preview(about, size=len(orjson.dumps(value)), truncated=False, json=value)

    async def items(self, root: bytes, pointer: str, *, start: int, first: int) -> Entries:
        """Entries `start` to `start + first`; ones over 64 KiB as `$truncated` outlines."""
        check_first(first)
        found = await items_at(
            self.connection,
            self.project_id,
            root,
            pointer,
            start=max(start, 0),
            count=first,
            blobs=self.blobs,
        )
        keys = None if found.keys is None else [str(key) for key in found.keys]
        values = [_bounded(presentable(value)) for value in found.values]
        return Entries(total=found.total, keys=keys, values=values)

    async def _text(self, root: bytes, pointer: str, about: Outline, *, most: int) -> Preview:
        loaded = await value_at(
            self.connection,
            self.project_id,
            root,
            pointer,
            blobs=self.blobs,
            budget=_TEXT_BYTES,
        )
        # a lone surrogate has no place in JSON; the exact text is in `value`
        text = cast("str", loaded).encode("utf-8", "replace").decode()
        if about.count <= most:
            return _preview(about, size=about.count, truncated=False, text=text)
        half = most // 2
        ends = f"{text[:half]}{CUT_MARK}{text[-half:]}"
        return _preview(about, size=about.count, truncated=True, text=ends)

    async def _load(self, root: bytes, pointer: str, *, most: int) -> object:
        try:
            value = await value_at(
                self.connection,
                self.project_id,
                root,
                pointer,
                blobs=self.blobs,
                budget=most * 2 + _PATH_BYTES,
            )
        except LimitExceeded:
            raise _too_large(most) from None
        return presentable(value)


def _preview(
    about: Outline,
    *,
    size: int | None,
    truncated: bool,
    text: str | None = None,
    json: object = None,
) -> Preview:
    return Preview(
        type=about.type, count=about.count, size=size, truncated=truncated, text=text, json=json
    )


def _bounded(value: object, *, most: int = 65_536) -> object:
    size = len(orjson.dumps(value))
    if size <= most:
        return value
    return {"$truncated": True, "size": size}


def _too_large(most: int) -> LimitExceeded:
    return LimitExceeded(
        "max_bytes", most, "the value is over `maxBytes`; use `preview`, `items` or a pointer"
    )
