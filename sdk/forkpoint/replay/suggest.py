"""Advice for the commonest reasons why an input changed: values drawn anew in every run."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

_DRAWN = (
    ("an identifier", re.compile(r"[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}", re.IGNORECASE)),
    ("a time", re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d|\b1[5-9]\d{8}(?:\d{3}){0,3}\b")),
    ("a memory address", re.compile(r"\b0x[0-9a-f]{6,16}\b", re.IGNORECASE)),
    ("a temporary path", re.compile(r"/tmp/|/var/folders/")),
)


def suggestion(changes: Sequence[Mapping[str, object]], site: str | None) -> str | None:
    """What to do about the first change that is only a value drawn anew; None if none is."""
    for change in changes:
        before, after = str(change.get("expected", "")), str(change.get("got", ""))
        for what, pattern in _DRAWN:
            drawn = pattern.search(before) and pattern.search(after)
            if drawn and pattern.sub("", before) == pattern.sub("", after):
                where = f" in {site}" if site else ""
                return (
                    f"{change['pointer']} holds {what} that is new in every run{where}:"
                    " pass it in, or make the code that draws it a recorded step"
                )
    return None
