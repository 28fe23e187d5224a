"""Long strings and bytes as streams: from any offset, in pieces, without the rest in memory."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from forkpoint.content import CorruptBlock, Digest, digest_of, digest_text
from forkpoint.content.bodies import Long, Parsed, long_of, parse, tag_of

from forkpoint_server.artifacts.loading import BlockLoader
from forkpoint_server.artifacts.segments import Part, Segment, of_long, of_part
from forkpoint_server.artifacts.trees import decode_text
from forkpoint_server.errors import NotFound

AHEAD = 64
"""Chunks of one piece, and parts of the tree that one query expands: under 1 MiB of bytes."""
_CHUNKS = 1
"""Level at which a chunk of bytes stands where a group of entries does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LongValue:
    """A string or bytes value that was too long for one block."""

    whole: Long

    @property
    def size(self) -> int:
        """Bytes of it; of a string, in UTF-8."""
        return self.whole.count

    @property
    def is_text(self) -> bool:
        """Whether it is a string."""
        return self.whole.tag == "~s"


async def long_value(loader: BlockLoader, root: Digest) -> LongValue | None:
    """The long string or bytes under a root; None for any other value.

    Raises `NotFound` for a root that is not stored.
    """
    parsed = (await _checked(loader, [root]))[root]
    if tag_of(parsed) not in ("~s", "~y") or not isinstance(parsed, list):
        return None
    return LongValue(whole=long_of(root, parsed))  # pyright: ignore[reportUnknownArgumentType] - JSON


class Reading:
    """Where a reader of a long value stands: the parts of the tree that are still to come."""

    __slots__ = ("_segments",)

    def __init__(self, value: LongValue, *, start: int, stop: int) -> None:
        self._segments = deque(of_long(value.whole, level=_CHUNKS, start=start, stop=stop))

    def __bool__(self) -> bool:
        return bool(self._segments)

    async def next(self, loader: BlockLoader) -> bytes:
        """The next piece, at most `AHEAD` chunks; each block it stands on is verified."""
        while pending := [part for part in self._ahead() if part.level > 0]:
            bodies = await _checked(loader, [part.digest for part in pending])
            found: list[Segment] = []
            for part in self._taken():
                body = bodies.get(part.digest)
                found += [part] if body is None or part.level == 0 else of_part(part, body)
            self._segments.extendleft(reversed(found))
        parts = self._taken()
        bodies = await _checked(loader, [part.digest for part in parts])
        return b"".join(
            _bytes_of(bodies[part.digest], part.digest)[part.start : part.stop] for part in parts
        )

    def _ahead(self) -> list[Part]:
        head = [self._segments[at] for at in range(min(AHEAD, len(self._segments)))]
        return [part for part in head if isinstance(part, Part)]

    def _taken(self) -> list[Part]:
        taken = self._ahead()
        for _ in taken:
            self._segments.popleft()
        return taken


async def _checked(loader: BlockLoader, digests: list[Digest]) -> dict[Digest, Parsed]:
    found = await loader.load(digests)
    for digest in digests:
        body = found.get(digest)
        if body is None:
            raise NotFound("block")
        if digest_of(body) != digest:
            raise CorruptBlock(digest_text(digest), "its bytes have another digest")
    return {digest: parse(digest, body) for digest, body in found.items()}


def _bytes_of(parsed: Parsed, digest: Digest) -> bytes:
    value = decode_text(parsed) if isinstance(parsed, str) else None
    if isinstance(value, str):
        return value.encode("utf-8", "surrogatepass")
    if not isinstance(value, bytes):
        raise CorruptBlock(digest_text(digest), "a chunk is neither text nor bytes")
    return value
