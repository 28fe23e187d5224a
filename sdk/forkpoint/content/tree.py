"""Walks over the blocks of a tree, one load per level."""

from __future__ import annotations

from collections.abc import Iterator

from forkpoint.content.blocks import Digest, Get, children, load


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
