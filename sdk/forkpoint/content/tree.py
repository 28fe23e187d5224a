"""Walks over the blocks of a tree, one load per level."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from forkpoint.content.blocks import Digest, Get, children, load
from forkpoint.content.errors import LimitExceeded


def walk(root: Digest, get: Get, seen: set[Digest]) -> Iterator[tuple[Digest, bytes]]:
    """The blocks below a root that are not in `seen`, level by level; they are added to it.

    What lies below a seen block is taken as seen too.
    """
    level = [] if root in seen else [root]
    while level:
        seen.update(level)
        found: dict[Digest, None] = {}
        for digest, body in load(level, get).items():
            yield digest, body
            found.update(dict.fromkeys(children(body)))
        level = [digest for digest in found if digest not in seen]


def contains(root: Digest, needle: Digest, get: Get, skip: set[Digest] | None = None) -> bool:
    """Whether a block stands in a tree. Blocks in `skip` are not opened; those opened are added.

    Over the calls of a run, with one `skip`, each block is loaded once.
    """
    opened: set[Digest] = set() if skip is None else skip
    if root == needle:
        return True
    level = [] if root in opened else [root]
    while level:
        opened.update(level)
        found: dict[Digest, None] = {}
        for body in load(level, get).values():
            found.update(dict.fromkeys(children(body)))
        if needle in found:
            return True
        level = [digest for digest in found if digest not in opened]
    return False


def load_tree(root: Digest, get: Get, *, budget: int) -> dict[Digest, bytes]:
    """All blocks of a tree, level by level; `LimitExceeded` if it expands beyond the budget.

    Blocks are shared, so few of them can describe a value of any size: the expanded size is summed
    up over the graph before anything is built.
    """
    blocks: dict[Digest, bytes] = {}
    below: dict[Digest, list[Digest]] = {}
    level = [root]
    left = budget
    named = 1
    while level:
        following: list[Digest] = []
        for digest, body in load(level, get).items():
            left -= len(body)
            blocks[digest] = body
            below[digest] = inner = children(body)
            following += inner
        if left < 0:
            raise LimitExceeded("decode_bytes", budget)
        named += len(following)
        level = [digest for digest in dict.fromkeys(following) if digest not in blocks]
    if named == len(blocks):  # each stands in one place: it expands to what was loaded
        return blocks
    if _expanded(root, blocks, below) > budget:
        raise LimitExceeded("decode_bytes", budget)
    return blocks


def _expanded(
    root: Digest, blocks: Mapping[Digest, bytes], below: Mapping[Digest, list[Digest]]
) -> int:
    sizes: dict[Digest, int] = {}
    stack = [root]
    while stack:
        digest = stack[-1]
        unknown = [child for child in below[digest] if child not in sizes]
        if unknown:
            stack += unknown
            continue
        stack.pop()
        sizes[digest] = len(blocks[digest]) + sum([sizes[child] for child in below[digest]])
    return sizes[root]
