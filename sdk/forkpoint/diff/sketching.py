"""What is sketched of each step of a run: the text that was new in its call."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from forkpoint.content import (
    ContentError,
    Digest,
    Get,
    ListReader,
    Tag,
    compare,
    decode,
    digest_from_text,
)
from forkpoint.diff.columns import StepRow, scope_of
from forkpoint.diff.sketch import sketch_of
from forkpoint.errors import UsageError

HISTORY = "messages"
"""The part that repeats what was said before; only what it adds is text of the call."""


class Sketcher:
    """Sketches the steps of one run in their order."""

    def __init__(self) -> None:
        self._last: dict[tuple[str, str, str], Digest] = {}

    def sketches(self, steps: Iterable[StepRow], get: Get) -> Iterator[tuple[int, bytes]]:
        """(seq, sketch) of each step that has text; steps whose blocks are not there are left out.

        A model's text is what its messages add to those of the call before it in its scope;
        another step's is its input.
        """
        for step in steps:
            try:
                sketch = sketch_of(self._text(step, get))
            except ContentError:
                continue
            if sketch is not None:
                yield step.seq, sketch

    def _text(self, step: StepRow, get: Get) -> object:
        root = step.parts.get(HISTORY)
        if root is None:
            return [decode(digest_from_text(step.parts[name]), get) for name in sorted(step.parts)]
        whose, now = (scope_of(step.key), step.kind, step.name), digest_from_text(root)
        before = self._last.get(whose)
        self._last[whose] = now
        try:
            return _added(before, now, get)
        except UsageError:  # a prompt that is no list
            return decode(now, get)


def _added(before: Digest | None, now: Digest, get: Get) -> list[object]:
    """Items of the list that the one before had not."""
    items = ListReader(now, get)
    if before is None or before == now:
        return list(items)
    ops = compare(before, now, get, deep=False)
    new = [op for op in ops if op.tag in (Tag.INSERT, Tag.REPLACE)]
    return [items[at] for op in new for at in range(op.b0, min(op.b1, len(items)))]
